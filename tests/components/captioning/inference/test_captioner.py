import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from components.artifacts.checksums import write_checksums
from components.captioning.decoding.beam_state import _STEPS
from components.captioning.decoding.reranker_data import RerankerData
from components.captioning.decoding.search import DecodingConfig
from components.captioning.encoder.encoder import Encoder
from components.captioning.encoder.image_encoder import ImageEncoder
from components.captioning.encoder.multi_crop import MultiCropEncoder
from components.captioning.encoder.onnx.encoder import OnnxEncoder
from components.captioning.inference.bundle import Bundle
from components.captioning.inference.captioner import Captioner
from components.captioning.inference.saliency import occlude, occlusion_saliency, word_saliency
from components.captioning.model.decoder import ModelConfig
from components.captioning.model.ensemble import build_network
from components.captioning.model.normalizer import NORMALIZER
from components.captioning.model.vocabulary import SPECIAL_TOKENS, Vocabulary
from components.errors import DataError

DARK, BRIGHT = (np.full((224, 224, 3), level, np.uint8) for level in (120, 255))


@pytest.fixture(scope="module")
def dim(dim_bundle: Path) -> Captioner:
    return Captioner(dim_bundle)


@pytest.fixture(scope="module")
def with_keras(keras_bundle: Path) -> Captioner:
    return Captioner(keras_bundle)


def test_alternatives_of_a_photo_with_features_beyond_float16_are_refused(dim: Captioner) -> None:
    assert len(dim.alternatives([DARK])[0]) == 2
    with pytest.raises(DataError, match=r"^this model can't describe the photo: .* up to 65504"):
        dim.alternatives([DARK, BRIGHT])


def test_alternatives_or_errors_returns_captions_of_the_other_photos(dim: Captioner) -> None:
    error, first, other_error, second = dim.alternatives_or_errors([BRIGHT, DARK, BRIGHT, DARK])
    assert isinstance(error, DataError) and isinstance(other_error, DataError)
    assert first == second == dim.alternatives([DARK])[0]
    assert [str(result) for result in dim.alternatives_or_errors([BRIGHT])] == [str(error)]


def test_warm_up_compiles_encoder_and_decoder_and_leaves_captions_and_watchers_alone(
    with_keras: Captioner, keras_bundle: Path
) -> None:
    grey = np.full((224, 224, 3), 120, np.uint8)
    (expected,) = with_keras.descriptions_or_errors([grey])
    captioner, seen = Captioner(keras_bundle), []
    captioner.on_features.append(seen.append)
    black = captioner.warm_up(beam_width=2)
    assert black.shape == (224, 224, 3) and not black.any()
    assert isinstance(captioner.encoder, Encoder) and captioner.encoder._features is not None
    assert captioner.bundle.network in _STEPS
    assert seen == []
    assert captioner.descriptions_or_errors([grey]) == [expected]


def test_saliency_is_of_the_captions_words_and_the_encoders_feature_map(
    with_keras: Captioner,
) -> None:
    photo = np.zeros((224, 224, 3), np.uint8)
    photo[:, :112] = 255
    saliency = with_keras.saliency(photo, "a red unknown")
    assert [word.word for word in saliency] == ["a", "red", "unknown"]
    assert {word.cells.shape for word in saliency} == {(7, 7)}
    cells = with_keras.encoder.feature_map(photo[np.newaxis])
    ids = with_keras.bundle.vocabulary.encode("a red unknown")
    expected = word_saliency(with_keras.bundle.network, cells[0], "a red unknown", ids)
    for word, expected_word in zip(saliency, expected, strict=True):
        np.testing.assert_array_equal(word.cells, expected_word.cells)
    assert np.ptp([word.cells for word in saliency]) > 0
    assert with_keras.saliency(photo, "") == []


def test_captions_of_split_characters_are_shown_joined(tiny_bundle: Path, tmp_path: Path) -> None:
    bundle = Path(shutil.copytree(tiny_bundle, tmp_path / "bundle"))
    NORMALIZER.save(bundle)
    words = Vocabulary.load(bundle / "vocabulary.txt").words
    characters = [chr(0x72D0 + number) for number in range(len(words) - len(SPECIAL_TOKENS))]
    Vocabulary([*SPECIAL_TOKENS, *characters]).save(bundle / "vocabulary.txt")
    write_checksums(bundle)
    captioner = Captioner(bundle)
    photo = np.zeros((224, 224, 3), np.uint8)
    ((best, *_),) = captioner.alternatives([photo])
    assert len(best.text.split()) > 1
    (shown,) = captioner.describe_pixels([photo])
    assert shown == best.text.replace(" ", "")
    assert [word.word for word in captioner.saliency(photo, shown)] == list(shown)


@pytest.fixture
def make_captioner(
    tmp_path: Path,
    make_model: Callable[..., Any],
    write_onnx_folder: Callable[..., Path],
    calibration: Any,
) -> Callable[..., Captioner]:
    """Returns a function that makes an untrained captioner with a tiny encoder from ONNX."""

    def make(output: str, *, multi_crop: bool = False) -> Captioner:
        config = {"size": 8, "do_normalize": False}
        encoder: ImageEncoder = OnnxEncoder.build(
            write_onnx_folder(tmp_path / "net", make_model((output,)), config)
        )
        if multi_crop:
            encoder = MultiCropEncoder(encoder)
        vocabulary = Vocabulary([*SPECIAL_TOKENS, "a", "red", "blue"])
        network = build_network(ModelConfig(len(vocabulary), 3, 4, 8, 0.0, True), seed=1)
        decoding = DecodingConfig(beam_width=2, length_penalty=1.0, max_words=5)
        reranker_data = RerankerData(np.zeros((1, 3), np.float16), [("a",)])
        bundle = tmp_path / "bundle"
        bundle.mkdir()
        # The checksums of all files are written last.
        encoder.save(bundle)
        NORMALIZER.save(bundle)
        Bundle(network, vocabulary, decoding, reranker_data, calibration).save(bundle)
        return Captioner(bundle)

    return make


def test_captioner_with_an_encoder_from_onnx_captions_and_has_saliency(
    make_captioner: Callable[..., Captioner],
) -> None:
    captioner = make_captioner("last_hidden_state")
    photo = np.zeros((8, 8, 3), np.uint8)
    photo[:4, :4] = (255, 0, 0)
    ((best, _),) = captioner.alternatives([photo])
    assert best.text
    assert {word.cells.shape for word in captioner.saliency(photo, "a red")} == {(2, 2)}


@pytest.mark.parametrize(("output", "side"), [("last_hidden_state", 2), ("classified", 6)])
def test_captioner_with_multi_crop_captions_the_mean_of_the_views(
    make_captioner: Callable[..., Captioner], output: str, side: int
) -> None:
    captioner = make_captioner(output, multi_crop=True)
    captioner.warm_up(beam_width=2)
    seen: list[np.ndarray] = []
    captioner.on_features.append(seen.append)
    photo = np.zeros((8, 8, 3), np.uint8)
    photo[3:5, 3:5] = (255, 0, 0)
    ((best, _),) = captioner.alternatives([photo])
    assert best.text
    # 4 of 64 pixels are red, and 4 of the 36 that each of the five crops has before it is enlarged.
    ((red, *_),) = seen[0]
    assert red == pytest.approx((2 * 4 / 64 + 5 * 4 / 36) / 7, abs=0.01)
    assert {word.cells.shape for word in captioner.saliency(photo, "a red")} == {(side, side)}


def test_saliency_without_a_feature_map_occludes_the_photo(
    make_captioner: Callable[..., Captioner],
) -> None:
    captioner = make_captioner("classified")
    photo = np.zeros((8, 8, 3), np.uint8)
    photo[6:, 6:] = (255, 255, 255)
    saliency = captioner.saliency(photo, "a red blue")
    assert [word.word for word in saliency] == ["a", "red", "blue"]
    assert {word.cells.shape for word in saliency} == {(6, 6)}
    features = captioner.encoder.encode(occlude(photo))
    ids = captioner.bundle.vocabulary.encode("a red blue")
    expected = occlusion_saliency(captioner.bundle.network, features, "a red blue", ids)
    for word, other in zip(saliency, expected, strict=True):
        np.testing.assert_array_equal(word.cells, other.cells)
    assert captioner.saliency(photo, "") == []
