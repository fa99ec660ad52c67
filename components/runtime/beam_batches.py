"""Applies a model to many photos with Beam, in full batches loaded while the model computes.

Beam's own `RunInference` does not suit: it loads and computes alternately in one thread, so the
processor waits for the disk; and it batches within the runner's bundles, so batch sizes, and with
them the rounding of results, vary between runs.
"""

import logging
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

import apache_beam as beam
from apache_beam.utils.shared import Shared

from components.runtime.beam import beam_pipeline, compute_hints, unwrapped_errors
from components.runtime.beam_lists import ReadLists

Item = TypeVar("Item")
Loaded = TypeVar("Loaded")
Model = TypeVar("Model")

# Batches loaded while another one is computed.
_PREFETCHED = 1
# Maximum number of items in a Beam element; a worker that is killed loses one element ...
_LIST_SIZE = 512
# ... and minimum number of elements, if there are enough items, so that workers share the work.
_LISTS = 16
_SECONDS_BETWEEN_LOGS = 5.0


class BatchDoFn(beam.DoFn, Generic[Item, Loaded, Model]):
    """Base of transforms that apply a model to lists of items; run one with `run_in_batches`.

    A subclass defines `load_model` and `load_item`, and a `process` that iterates over
    `batches(element)`. Processes that run several of these at once share one model.

    Args:
        shared: Beam's handle of the model that a process shares.
        batch_size: Items in a batch.
        total: Items in all lists, for the log.

    Attributes:
        batch_size: As given.
        model: What `load_model` returned; set by `start_bundle`.
    """

    def __init__(self, shared: Shared, *, batch_size: int, total: int) -> None:
        super().__init__()
        self.batch_size = batch_size
        self._shared = shared
        self._total = total
        self._done = 0

    def load_model(self) -> Model:
        """Returns the model; called once in each process."""
        raise NotImplementedError

    def load_item(self, item: Item, model: Model) -> Loaded:
        """Returns an item as the model's input; called in several threads at once."""
        raise NotImplementedError

    def setup(self) -> None:
        """Starts the threads; Beam calls this once per worker."""
        self._threads = ThreadPoolExecutor()

    def start_bundle(self) -> None:
        """Loads the model, unless this process has it.

        Beam sets up all transforms of a worker, the last one first, before it starts a bundle. So
        `ReadLists` has checked by now that this worker can read the model's files.
        """
        self.model: Model = self._shared.acquire(self.load_model)
        if not self._done:
            self._started = self._logged = time.perf_counter()

    def teardown(self) -> None:
        """Stops the threads."""
        self._threads.shutdown(cancel_futures=True)

    def batches(self, items: Sequence[Item]) -> Iterator[tuple[Sequence[Item], list[Loaded]]]:
        """Yields the items batch by batch, while the next batch is loaded.

        Args:
            items: The element that `process` received.

        Yields:
            A batch of items, and the result of `load_item` for each of them.

        Raises:
            Exception: Whatever `load_item` raised.
        """
        loading: deque[tuple[Sequence[Item], list[Future[Loaded]]]] = deque()
        for start in range(0, len(items), self.batch_size):
            batch = items[start : start + self.batch_size]
            loading.append(
                (batch, [self._threads.submit(self.load_item, item, self.model) for item in batch])
            )
            if len(loading) > _PREFETCHED:
                yield from self._next(loading)
        while loading:
            yield from self._next(loading)

    def _next(
        self, loading: deque[tuple[Sequence[Item], list[Future[Loaded]]]]
    ) -> Iterator[tuple[Sequence[Item], list[Loaded]]]:
        batch, futures = loading.popleft()
        yield batch, [future.result() for future in futures]
        # This runs after the caller has processed the batch.
        self._log_progress(len(batch))

    def _log_progress(self, items: int) -> None:
        self._done += items
        now = time.perf_counter()
        if now - self._logged > _SECONDS_BETWEEN_LOGS or self._done == self._total:
            self._logged = now
            # Under the subclass's module, since a command shows its own package's log.
            logging.getLogger(type(self).__module__).info(
                "%d of %d photos, %.1f a second",
                self._done, self._total, self._done / (now - self._started),
            )  # fmt: skip


def run_in_batches(
    step: BatchDoFn[Item, Loaded, Model],
    items: Sequence[Item],
    beam_flags: str,
    *,
    folder: str = "",
    needed: Sequence[str] = (),
) -> None:
    """Runs a transform over items in a Beam pipeline of its own.

    Elements are lists of whole batches, so batches do not depend on the runner's bundles: the same
    items give the same results to the last bit.

    Args:
        step: The transform.
        items: Its items, at least one.
        beam_flags: Flags of Beam's runner, see `components.runtime.beam.beam_options`.
        folder: See `components.runtime.beam_lists.ReadLists`, also for what follows.
        needed: Files that the transform reads.

    Raises:
        SettingError: If the flags are invalid, or workers can't read what they need.
        CaptionflowError: As the transform raised it, without Beam's additions.
    """
    batches = min(_LIST_SIZE // step.batch_size, len(items) // (_LISTS * step.batch_size))
    size = max(batches, 1) * step.batch_size
    lists = (items[start : start + size] for start in range(0, len(items), size))
    source = ReadLists(lists, beam_flags=beam_flags, folder=folder, needed=needed)
    compute = beam.ParDo(step).with_resource_hints(**compute_hints(beam_flags))
    with unwrapped_errors(), beam_pipeline(beam_flags) as pipeline:
        _ = pipeline | "Lists" >> source | "Compute" >> compute
