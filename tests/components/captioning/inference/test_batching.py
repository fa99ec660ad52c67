from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from components.captioning.inference.batching import DynamicBatcher
from components.captioning.inference.bundle import Caption
from components.captioning.inference.captioner import Captioner
from components.errors import DataError


class RecordingCaptioner(Captioner):
    """Records the size and beam width of each batch."""

    calls: list[tuple[int, int | None]]

    def alternatives_or_errors(
        self, pixels: Sequence[NDArray[np.uint8]], *, beam_width: int | None = None
    ) -> list[list[Caption] | DataError]:
        self.calls.append((len(pixels), beam_width))
        return super().alternatives_or_errors(pixels, beam_width=beam_width)


@pytest.fixture
def captioner(tiny_bundle: Path) -> RecordingCaptioner:
    captioner = RecordingCaptioner(tiny_bundle)
    captioner.calls = []
    return captioner


def _photos(captioner: Captioner, count: int) -> list[NDArray[np.uint8]]:
    size = captioner.encoder.spec.size
    random = np.random.default_rng(0)
    return [random.integers(256, size=(size, size, 3), dtype=np.uint8) for _ in range(count)]


def _describe(batcher: DynamicBatcher, photo: NDArray[np.uint8], beam_width: int) -> list[Caption]:
    (captions,) = batcher.alternatives_or_errors([photo], beam_width=beam_width)
    assert not isinstance(captions, DataError)
    return captions


def test_batcher_returns_each_threads_own_captions(captioner: RecordingCaptioner) -> None:
    photos = _photos(captioner, 40)
    expected = [captions[0].text for captions in captioner.alternatives(photos, beam_width=3)]
    captioner.calls.clear()
    batcher = DynamicBatcher(captioner)
    with ThreadPoolExecutor(40) as threads:
        results = list(threads.map(lambda photo: _describe(batcher, photo, 3), photos))
    assert [captions[0].text for captions in results] == expected
    assert sum(size for size, _ in captioner.calls) == 40
    # Photos that arrive while a batch is computed share the next one.
    assert 1 < max(size for size, _ in captioner.calls) <= 32


def test_batcher_does_not_mix_beam_widths(captioner: RecordingCaptioner) -> None:
    batcher = DynamicBatcher(captioner)
    photos = _photos(captioner, 6)
    widths = [2, 3, 2, 3, 2, 3]
    with ThreadPoolExecutor(6) as threads:
        results = list(
            threads.map(lambda photo, width: _describe(batcher, photo, width), photos, widths)
        )
    assert [len(captions) for captions in results] == widths


def test_batcher_raises_an_error_in_the_callers_thread_and_continues(
    captioner: RecordingCaptioner,
) -> None:
    batcher = DynamicBatcher(captioner)
    wrong_shape: Any = np.zeros((2, 2), np.uint8)
    with pytest.raises(Exception, match="shape"):
        batcher.alternatives_or_errors([wrong_shape], beam_width=2)
    assert len(batcher.alternatives_or_errors(_photos(captioner, 1), beam_width=2)) == 1


def test_batcher_confines_an_error_to_the_photo_that_caused_it(dim_bundle: Path) -> None:
    captioner = RecordingCaptioner(dim_bundle)
    captioner.calls = []
    batcher = DynamicBatcher(captioner)
    dark, bright = (np.full((224, 224, 3), level, np.uint8) for level in (120, 255))
    with ThreadPoolExecutor(12) as threads:
        results = list(
            threads.map(
                lambda photo: batcher.alternatives_or_errors([photo], beam_width=2)[0],
                [dark, bright] * 6,
            )
        )
    assert [isinstance(result, DataError) for result in results] == [False, True] * 6
    assert max(size for size, _ in captioner.calls) > 1
