import shutil
from pathlib import Path

import numpy as np
import pytest

from components.captioning.inference.captioner import Captioner
from components.captioning.inference.saliency import word_saliency
from components.captioning.model.normalizer import NORMALIZER
from components.captioning.model.vocabulary import SPECIAL_TOKENS, Vocabulary
from components.errors import DataError

DARK, BRIGHT = (np.full((224, 224, 3), level, np.uint8) for level in (120, 255))


@pytest.fixture(scope="module")
def dim(dim_bundle: Path) -> Captioner:
    return Captioner(dim_bundle)


def test_alternatives_of_a_photo_with_features_beyond_float16_are_refused(dim: Captioner) -> None:
    assert len(dim.alternatives([DARK])[0]) == 2
    with pytest.raises(DataError, match=r"^this model can't describe the photo: .* up to 65504"):
        dim.alternatives([DARK, BRIGHT])


def test_alternatives_or_errors_returns_captions_of_the_other_photos(dim: Captioner) -> None:
    error, first, other_error, second = dim.alternatives_or_errors([BRIGHT, DARK, BRIGHT, DARK])
    assert isinstance(error, DataError) and isinstance(other_error, DataError)
    assert first == second == dim.alternatives([DARK])[0]
    assert [str(result) for result in dim.alternatives_or_errors([BRIGHT])] == [str(error)]


def test_saliency_is_of_the_captions_words_and_the_encoders_feature_map(tiny_bundle: Path) -> None:
    captioner = Captioner(tiny_bundle)
    photo = np.zeros((224, 224, 3), np.uint8)
    photo[:, :112] = 255
    saliency = captioner.saliency(photo, "a red unknown")
    assert [word.word for word in saliency] == ["a", "red", "unknown"]
    assert {word.cells.shape for word in saliency} == {(7, 7)}
    cells = captioner.encoder.feature_map(photo[np.newaxis])
    ids = captioner.bundle.vocabulary.encode("a red unknown")
    expected = word_saliency(captioner.bundle.network, cells[0], "a red unknown", ids)
    for word, expected_word in zip(saliency, expected, strict=True):
        np.testing.assert_array_equal(word.cells, expected_word.cells)
    assert np.ptp([word.cells for word in saliency]) > 0
    assert captioner.saliency(photo, "") == []


def test_captions_of_split_characters_are_shown_joined(tiny_bundle: Path, tmp_path: Path) -> None:
    bundle = Path(shutil.copytree(tiny_bundle, tmp_path / "bundle"))
    NORMALIZER.save(bundle)
    words = Vocabulary.load(bundle / "vocabulary.txt").words
    characters = [chr(0x72D0 + number) for number in range(len(words) - len(SPECIAL_TOKENS))]
    Vocabulary([*SPECIAL_TOKENS, *characters]).save(bundle / "vocabulary.txt")
    captioner = Captioner(bundle)
    photo = np.zeros((224, 224, 3), np.uint8)
    ((best, *_),) = captioner.alternatives([photo])
    assert len(best.text.split()) > 1
    (shown,) = captioner.describe_pixels([photo])
    assert shown == best.text.replace(" ", "")
    assert [word.word for word in captioner.saliency(photo, shown)] == list(shown)
