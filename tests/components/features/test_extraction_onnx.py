"""Extraction with an encoder in ONNX."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from google.cloud import storage
from PIL import Image

from components.artifacts.examples import read_examples
from components.captioning.encoder.encoder import ENCODER_WEIGHTS_FILE
from components.captioning.encoder.loading import load_encoder
from components.captioning.encoder.multi_crop import MultiCropEncoder
from components.captioning.encoder.onnx.encoder import OnnxEncoder
from components.errors import DataError
from components.features.extraction import extract_features
from components.settings.encoder import EncoderSettings

Extract = Callable[..., dict[str, Any]]


@pytest.fixture
def onnx_folder(tmp_path: Path, make_model: Any, write_onnx_folder: Any) -> Path:
    config = {"size": 8, "resample": 0, "do_normalize": False}
    return write_onnx_folder(tmp_path / "tiny", make_model(), config)


@pytest.fixture
def extract(data_set: Any, onnx_folder: Path, tmp_path: Path) -> Extract:
    """A function that writes the examples of the data set into a folder, and returns its counts."""
    settings = {"encoder": str(onnx_folder), "precision": "float32"}
    settings["store"] = str(tmp_path / "store")

    def run(folder: str, **changed: Any) -> dict[str, Any]:
        return extract_features(
            data_set.manifest,
            data_set.captions,
            tmp_path / folder,
            EncoderSettings.check({**settings, **changed}),
        )

    return run


def test_extract_features_with_an_onnx_model_writes_its_output(
    extract: Extract, onnx_folder: Path, tmp_path: Path
) -> None:
    facts, again = extract("examples"), extract("again")
    assert (facts["encoder_network"], facts["encoder_weights"]) == ("tiny", "onnx")
    assert (facts["width"], facts["encoded_photos"], again["encoded_photos"]) == (3, 5, 0)
    dev = read_examples(tmp_path / "examples", "dev")
    pixels = np.asarray(Image.open(tmp_path / "3.png").resize((8, 8), Image.Resampling.NEAREST))
    expected = pixels.mean(axis=(0, 1)) / 255 * [1, 2, 4]
    np.testing.assert_allclose(dev.features, [expected], rtol=2e-3)
    # The encoder is in the artifact, also if it comes from the store.
    model = (onnx_folder / "model.onnx").read_bytes()
    for name in ("examples", "again"):
        assert (tmp_path / name / "encoder.onnx").read_bytes() == model
        assert not (tmp_path / name / ENCODER_WEIGHTS_FILE).exists()


def test_extract_features_with_multi_crop_does_not_reuse_features_of_whole_photos(
    extract: Extract, onnx_folder: Path, tmp_path: Path
) -> None:
    facts = [
        extract(f"examples-{index}", multi_crop=multi_crop)
        for index, multi_crop in enumerate((False, True, True))
    ]
    assert [each["encoded_photos"] for each in facts] == [5, 5, 0]
    assert [each["encoder_multi_crop"] for each in facts] == [False, True, True]
    whole, *cropped = (
        read_examples(tmp_path / f"examples-{index}", "train").features for index in range(3)
    )
    np.testing.assert_array_equal(*cropped)
    encoder = MultiCropEncoder(OnnxEncoder.build(onnx_folder))
    assert load_encoder(tmp_path / "examples-2").spec == encoder.spec
    dev = read_examples(tmp_path / "examples-1", "dev").features
    expected = encoder.encode(encoder.load_photo(tmp_path / "3.png")[np.newaxis])
    np.testing.assert_allclose(dev, expected, rtol=2e-3)
    assert whole.shape == cropped[0].shape


def test_extract_features_with_an_onnx_model_in_a_bucket_equals_the_local_one(
    extract: Extract, onnx_folder: Path, bucket: storage.Bucket
) -> None:
    for file in onnx_folder.iterdir():
        bucket.blob(f"models/tiny/{file.name}").upload_from_filename(str(file))
    remote = extract("remote", encoder="gs://runs/models/tiny", store="")
    assert remote == extract("local", store="")


def test_extract_features_with_another_output_does_not_reuse_features(extract: Extract) -> None:
    for output in ("", "last_hidden_state"):
        assert extract("examples", encoder_output=output)["encoded_photos"] == 5


def test_extract_features_with_a_broken_onnx_model_writes_nothing(
    extract: Extract, onnx_folder: Path, tmp_path: Path
) -> None:
    (onnx_folder / "model.onnx").write_bytes(b"broken")
    with pytest.raises(DataError, match=r"model.onnx must be an ONNX model"):
        extract("examples")
    assert not (tmp_path / "examples").exists()
    assert not [path for path in (tmp_path / "store").rglob("*") if path.is_file()]
