from pathlib import Path

import numpy as np
import pytest

from components.captioning.inference.captioner import Captioner
from components.captioning.inference.saliency import word_saliency
from components.errors import DataError

DARK, BRIGHT = (np.full((224, 224, 3), level, np.uint8) for level in (120, 255))


@pytest.fixture(scope="module")
def dim(dim_bundle: Path) -> Captioner:
    return Captioner(dim_bundle)


def test_alternatives_of_a_photo_whose_features_are_no_numbers_are_refused(dim: Captioner) -> None:
    assert len(dim.alternatives([DARK])[0]) == 2
    with pytest.raises(DataError, match=r"^this model can't describe it: .* up to 65504, and are"):
        dim.alternatives([DARK, BRIGHT])


def test_alternatives_or_errors_of_the_other_photos_are_told(dim: Captioner) -> None:
    broken, first, also, second = dim.alternatives_or_errors([BRIGHT, DARK, BRIGHT, DARK])
    assert isinstance(broken, DataError) and isinstance(also, DataError)
    assert first == second == dim.alternatives([DARK])[0]
    assert [str(each) for each in dim.alternatives_or_errors([BRIGHT])] == [str(broken)]


def test_looks_are_of_the_captions_words_and_the_encoders_map(tiny_bundle: Path) -> None:
    captioner = Captioner(tiny_bundle)
    photo = np.zeros((224, 224, 3), np.uint8)
    photo[:, :112] = 255
    found = captioner.saliency(photo, "a red unknown")
    assert [each.word for each in found] == ["a", "red", "unknown"]
    assert {each.cells.shape for each in found} == {(7, 7)}
    cells = captioner.encoder.feature_map(photo[np.newaxis])
    ids = captioner.bundle.vocabulary.encode("a red unknown")
    for one, other in zip(
        found, word_saliency(captioner.bundle.network, cells[0], "a red unknown", ids), strict=True
    ):
        np.testing.assert_array_equal(one.cells, other.cells)
    assert np.ptp([each.cells for each in found]) > 0
    assert captioner.saliency(photo, "") == []
