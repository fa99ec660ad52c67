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


class Counted(Captioner):
    """Counts how many photos are described at once."""

    calls: list[tuple[int, int | None]]

    def alternatives_or_errors(
        self, pixels: Sequence[NDArray[np.uint8]], *, beam_width: int | None = None
    ) -> list[list[Caption] | DataError]:
        self.calls.append((len(pixels), beam_width))
        return super().alternatives_or_errors(pixels, beam_width=beam_width)


@pytest.fixture
def captioner(tiny_bundle: Path) -> Counted:
    found = Counted(tiny_bundle)
    found.calls = []
    return found


def _photos(captioner: Captioner, several: int) -> list[NDArray[np.uint8]]:
    size = captioner.encoder.spec.size
    random = np.random.default_rng(0)
    return [random.integers(256, size=(size, size, 3), dtype=np.uint8) for _ in range(several)]


def _ask(together: DynamicBatcher, photo: NDArray[np.uint8], beam_width: int) -> list[Caption]:
    (said,) = together.alternatives_or_errors([photo], beam_width=beam_width)
    assert not isinstance(said, DataError)
    return said


def test_alternatives_of_many_threads_are_each_ones_own(captioner: Counted) -> None:
    photos = _photos(captioner, 40)
    alone = [found[0].text for found in captioner.alternatives(photos, beam_width=3)]
    captioner.calls.clear()
    together = DynamicBatcher(captioner)
    with ThreadPoolExecutor(40) as threads:
        found = list(threads.map(lambda photo: _ask(together, photo, 3), photos))
    assert [said[0].text for said in found] == alone
    assert sum(several for several, _ in captioner.calls) == 40
    # What came while others were described went together.
    assert 1 < max(several for several, _ in captioner.calls) <= 32


def test_alternatives_with_different_beams_are_not_mixed(captioner: Counted) -> None:
    together = DynamicBatcher(captioner)
    photos = _photos(captioner, 6)
    widths = [2, 3, 2, 3, 2, 3]
    with ThreadPoolExecutor(6) as threads:
        found = list(threads.map(lambda photo, width: _ask(together, photo, width), photos, widths))
    assert [len(said) for said in found] == widths


def test_alternatives_that_fail_fail_for_who_asked_and_the_next_are_described(
    captioner: Counted,
) -> None:
    together = DynamicBatcher(captioner)
    wrong: Any = np.zeros((2, 2), np.uint8)
    with pytest.raises(Exception, match="shape"):
        together.alternatives_or_errors([wrong], beam_width=2)
    assert len(together.alternatives_or_errors(_photos(captioner, 1), beam_width=2)) == 1


def test_photo_that_the_model_cant_describe_spoils_no_other_callers(dim_bundle: Path) -> None:
    captioner = Counted(dim_bundle)
    captioner.calls = []
    together = DynamicBatcher(captioner)
    dark, bright = (np.full((224, 224, 3), level, np.uint8) for level in (120, 255))
    with ThreadPoolExecutor(12) as threads:
        found = list(
            threads.map(
                lambda photo: together.alternatives_or_errors([photo], beam_width=2)[0],
                [dark, bright] * 6,
            )
        )
    assert [isinstance(said, DataError) for said in found] == [False, True] * 6
    assert max(several for several, _ in captioner.calls) > 1
