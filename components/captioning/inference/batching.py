"""Dynamic batching: one request queue for a model that many threads or tasks use."""

import threading
from collections.abc import Callable, Hashable, Iterator, Sequence
from concurrent.futures import Future, InvalidStateError, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from queue import Empty, SimpleQueue
from typing import Generic, NamedTuple, TypeVar

from components.errors import CaptionflowError

Model = TypeVar("Model")
Request = TypeVar("Request")
Options = TypeVar("Options", bound=Hashable)
Result = TypeVar("Result")

_CLOSED = "The service was stopped before the photo was described"


class _Queued(NamedTuple, Generic[Request, Options, Result]):
    request: Request
    options: Options
    future: Future[Result]


class DynamicBatcher(Generic[Model, Request, Options, Result]):
    """A model that computes the requests of many callers in batches, in one background thread.

    A batch of a few photos costs about as much as one, so requests that arrive while a batch is
    computed form the next one. Since only one thread computes, many callers need no more memory or
    processors than one. The thread loads the model first; requests may be submitted meanwhile.

    Args:
        load_model: Loads the model.
        compute: Given the model, the requests of a batch and their options, returns a result for
            each request, in order; an exception in place of a result is raised for that caller
            only.
        max_batch_size: Requests in a batch. Only those with equal options share one.
        max_waiting: Number of slots, see `slot`; None for no limit.

    Attributes:
        model: The model once it is loaded, or what `load_model` raised.
        max_waiting: As given.
    """

    def __init__(
        self,
        load_model: Callable[[], Model],
        compute: Callable[[Model, list[Request], Options], Sequence[Result | Exception]],
        *,
        max_batch_size: int = 32,
        max_waiting: int | None = None,
    ) -> None:
        self.max_waiting = max_waiting
        self._compute = compute
        self._max_batch_size = max_batch_size
        self._queue: SimpleQueue[_Queued[Request, Options, Result]] = SimpleQueue()
        self._lock = threading.Lock()
        self._slots_taken = 0
        self._unfinished: set[Future[Result]] = set()
        self._closed = False
        self._thread = ThreadPoolExecutor(1, "captioning")
        self.model: Future[Model] = self._thread.submit(load_model)

    @property
    def ready(self) -> bool:
        """Whether the model is loaded."""
        return self.model.done() and self.model.exception() is None

    @contextmanager
    def slot(self) -> Iterator[None]:
        """Takes a slot from before a request's data is received until its result is sent.

        Raises:
            CaptionflowError: If all `max_waiting` slots are taken.
        """
        with self._lock:
            if self.max_waiting is not None and self._slots_taken >= self.max_waiting:
                raise CaptionflowError(
                    f"Too many photos are waiting (limit: {self.max_waiting}). Try again in a "
                    "moment"
                )
            self._slots_taken += 1
        try:
            yield
        finally:
            with self._lock:
                self._slots_taken -= 1

    def submit(self, request: Request, options: Options) -> Future[Result]:
        """Queues a request.

        Args:
            request: What `compute` receives.
            options: Its options.

        Returns:
            The result to come, or what `load_model` or `compute` raised; asyncio awaits it through
            `asyncio.wrap_future`.

        Raises:
            CaptionflowError: If the queue is closed.
        """
        future: Future[Result] = Future()
        with self._lock:
            if self._closed:
                raise CaptionflowError(_CLOSED)
            self._unfinished.add(future)
            self._queue.put(_Queued(request, options, future))
            # One call per request; it does nothing if an earlier batch included the request.
            self._thread.submit(self._run_batch)
        future.add_done_callback(self._unfinished.discard)
        return future

    def close(self) -> None:
        """Fails all unfinished requests at once; a batch in progress ends in the background."""
        with self._lock:
            self._closed = True
            unfinished = list(self._unfinished)
        self._thread.shutdown(wait=False, cancel_futures=True)
        for future in unfinished:
            _finish(future, CaptionflowError(_CLOSED))

    def _run_batch(self) -> None:
        batch: list[_Queued[Request, Options, Result]] = []
        with suppress(Empty):
            while len(batch) < self._max_batch_size:
                queued = self._queue.get_nowait()
                if not queued.future.done():  # cancelled by its caller, or failed by `close`
                    batch.append(queued)
        for options in dict.fromkeys(queued.options for queued in batch):
            self._run([queued for queued in batch if queued.options == options], options)

    def _run(self, batch: Sequence[_Queued[Request, Options, Result]], options: Options) -> None:
        results: Sequence[Result | BaseException]
        try:
            # Never waits: this thread loaded the model before it took a batch.
            model = self.model.result()
            results = self._compute(model, [queued.request for queued in batch], options)
        except BaseException as error:  # for each caller, in its own thread
            results = [error] * len(batch)
        for queued, result in zip(batch, results, strict=True):
            _finish(queued.future, result)


def _finish(future: Future[Result], result: Result | BaseException) -> None:
    # A request may be cancelled, or the queue closed, at any time.
    with suppress(InvalidStateError):
        if isinstance(result, BaseException):
            future.set_exception(result)
        else:
            future.set_result(result)
