import asyncio
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from components.captioning.inference.batching import DynamicBatcher
from components.captioning.inference.bundle import Caption
from components.captioning.inference.captioner import Captioner
from components.errors import CaptionflowError, DataError

Results = list[list[Caption] | DataError]


class Recorded:
    """Captions photos, and records the size of each batch."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def __call__(
        self, captioner: Captioner, photos: Sequence[NDArray[np.uint8]], beam_width: int
    ) -> Results:
        self.sizes.append(len(photos))
        return captioner.alternatives_or_errors(photos, beam_width=beam_width)


class Gate:
    """A model that computes when it is opened, and returns its requests."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.batches: list[list[str]] = []

    def compute(self, requests: list[str], options: int) -> list[str | Exception]:
        self.batches.append(requests)
        assert self.open.wait(30)
        return [f"{request} {options}" for request in requests]


GateBatcher = DynamicBatcher[Gate, str, int, str]


@pytest.fixture
def gate() -> Iterator[Gate]:
    """A model that is opened in the end, whatever happens."""
    gate = Gate()
    yield gate
    gate.open.set()


def _photos(captioner: Captioner, count: int) -> list[NDArray[np.uint8]]:
    size = captioner.encoder.spec.size
    random = np.random.default_rng(0)
    return [random.integers(256, size=(size, size, 3), dtype=np.uint8) for _ in range(count)]


def _submit_behind_a_batch(batcher: GateBatcher, gate: Gate, *requests: str) -> list[Future[str]]:
    """Submits requests that wait, since a first one is being computed."""
    first = batcher.submit("first", 1)
    while not gate.batches:
        time.sleep(0.001)
    return [first, *(batcher.submit(request, 1) for request in requests)]


def test_submit_from_many_threads_batches_photos_and_returns_each_its_own(
    tiny_bundle: Path,
) -> None:
    compute = Recorded()
    batcher = DynamicBatcher(partial(Captioner, tiny_bundle), compute)
    captioner = batcher.model.result()
    photos = _photos(captioner, 40)
    alone = [found[0].text for found in captioner.alternatives(photos, beam_width=3)]
    with ThreadPoolExecutor(40) as threads:
        found = list(threads.map(lambda photo: batcher.submit(photo, 3).result(), photos))
    assert [each[0].text for each in found] == alone
    assert sum(compute.sizes) == 40
    # What came while a batch was computed went together.
    assert 1 < max(compute.sizes) <= 32


def test_submit_with_different_options_does_not_mix_them(tiny_bundle: Path) -> None:
    batcher = DynamicBatcher(partial(Captioner, tiny_bundle), Recorded())
    photos = _photos(batcher.model.result(), 6)
    widths = [2, 3, 2, 3, 2, 3]
    futures = [batcher.submit(photo, width) for photo, width in zip(photos, widths, strict=True)]
    assert [len(future.result()) for future in futures] == widths


def test_submit_of_a_photo_that_fails_does_not_affect_other_callers(dim_bundle: Path) -> None:
    compute = Recorded()
    batcher = DynamicBatcher(partial(Captioner, dim_bundle), compute)
    dark, bright = (np.full((224, 224, 3), level, np.uint8) for level in (120, 255))
    # They wait for the model to load.
    futures = [batcher.submit(photo, 2) for photo in [dark, bright] * 6]
    errors = [future.exception() for future in futures]
    assert [type(error) for error in errors] == [type(None), DataError] * 6
    assert compute.sizes == [12]


def test_submit_after_a_batch_that_raised_is_computed(tiny_bundle: Path) -> None:
    batcher = DynamicBatcher(partial(Captioner, tiny_bundle), Recorded())
    wrong: Any = np.zeros((2, 2), np.uint8)
    with pytest.raises(IndexError, match="axis 2"):
        batcher.submit(wrong, 2).result()
    (photo,) = _photos(batcher.model.result(), 1)
    assert len(batcher.submit(photo, 2).result()) == 2


def test_submit_to_a_model_that_cant_be_loaded_raises_its_error() -> None:
    def load() -> Gate:
        raise DataError("network.json is missing")

    batcher: GateBatcher = DynamicBatcher(load, Gate.compute)
    with pytest.raises(DataError, match=r"network.json is missing"):
        batcher.submit("photo", 1).result()
    with pytest.raises(DataError, match=r"network.json is missing"):
        batcher.model.result()
    assert not batcher.ready


def test_batches_are_no_larger_than_the_limit(gate: Gate) -> None:
    batcher: GateBatcher = DynamicBatcher(lambda: gate, Gate.compute, max_batch_size=2)
    futures = _submit_behind_a_batch(batcher, gate, "a", "b", "c")
    gate.open.set()
    assert [future.result(30) for future in futures] == ["first 1", "a 1", "b 1", "c 1"]
    assert gate.batches == [["first"], ["a", "b"], ["c"]]


def test_cancelled_requests_are_not_computed(gate: Gate) -> None:
    batcher: GateBatcher = DynamicBatcher(lambda: gate, Gate.compute)
    first, gone, last = _submit_behind_a_batch(batcher, gate, "gone", "last")
    # One that is being computed may be cancelled too; its batch goes on.
    assert gone.cancel() and first.cancel()
    gate.open.set()
    assert last.result(30) == "last 1"
    assert gate.batches == [["first"], ["last"]]
    with pytest.raises(CancelledError):
        gone.result()


def test_close_fails_computing_and_waiting_requests_at_once(gate: Gate) -> None:
    batcher: GateBatcher = DynamicBatcher(lambda: gate, Gate.compute)
    futures = _submit_behind_a_batch(batcher, gate, "waiting")
    batcher.close()
    for future in futures:
        with pytest.raises(CaptionflowError, match="stopped before the photo"):
            future.result(0)
    with pytest.raises(CaptionflowError, match="stopped before the photo"):
        batcher.submit("late", 1)


def test_submit_is_awaited_by_asyncio(gate: Gate) -> None:
    gate.open.set()
    batcher: GateBatcher = DynamicBatcher(lambda: gate, Gate.compute)

    async def ask() -> list[str]:
        futures = [asyncio.wrap_future(batcher.submit(request, 1)) for request in ("a", "b")]
        return await asyncio.gather(*futures)

    assert asyncio.run(ask()) == ["a 1", "b 1"]


def test_slots_are_refused_when_all_are_taken(gate: Gate) -> None:
    batcher: GateBatcher = DynamicBatcher(lambda: gate, Gate.compute, max_waiting=2)
    with batcher.slot():
        with batcher.slot(), pytest.raises(CaptionflowError, match="limit: 2"), batcher.slot():
            pass
        with batcher.slot():
            pass
