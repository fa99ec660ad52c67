"""Extraction with an encoder in ONNX."""

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

SETTINGS: dict[str, Any] = {"encoder_weights": "random", "precision": "float32", "store": ""}


@pytest.fixture
def onnx_folder(tmp_path: Path, make_model: Any, write_onnx_folder: Any) -> Path:
    config = {"size": 8, "resample": 0, "do_normalize": False}
    return write_onnx_folder(tmp_path / "tiny", make_model(), config)


def test_extract_features_with_an_onnx_model_writes_its_output(
    data_set: Any, onnx_folder: Path, tmp_path: Path
) -> None:
    settings = {**SETTINGS, "encoder": str(onnx_folder), "store": str(tmp_path / "store")}
    facts, again = (
        extract_features(
            data_set.manifest, data_set.captions, tmp_path / name, EncoderSettings.check(settings)
        )
        for name in ("examples", "again")
    )
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
    data_set: Any, onnx_folder: Path, tmp_path: Path
) -> None:
    settings = {**SETTINGS, "encoder": str(onnx_folder), "store": str(tmp_path / "store")}
    facts = [
        extract_features(
            data_set.manifest,
            data_set.captions,
            tmp_path / f"examples-{index}",
            EncoderSettings.check({**settings, "multi_crop": multi_crop}),
        )
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
    data_set: Any, onnx_folder: Path, bucket: storage.Bucket, tmp_path: Path
) -> None:
    for file in onnx_folder.iterdir():
        bucket.blob(f"models/tiny/{file.name}").upload_from_filename(str(file))
    facts = [
        extract_features(
            data_set.manifest,
            data_set.captions,
            tmp_path / f"examples-{index}",
            EncoderSettings.check({**SETTINGS, "encoder": encoder}),
        )
        for index, encoder in enumerate([str(onnx_folder), "gs://runs/models/tiny"])
    ]
    assert facts[0] == facts[1]


def test_extract_features_with_another_output_does_not_reuse_features(
    data_set: Any, onnx_folder: Path, tmp_path: Path
) -> None:
    settings = {**SETTINGS, "encoder": str(onnx_folder), "store": str(tmp_path / "store")}
    for output in ("", "last_hidden_state"):
        facts = extract_features(
            data_set.manifest,
            data_set.captions,
            tmp_path / "examples",
            EncoderSettings.check({**settings, "encoder_output": output}),
        )
        assert facts["encoded_photos"] == 5


def test_extract_features_with_a_broken_onnx_model_writes_nothing(
    data_set: Any, onnx_folder: Path, tmp_path: Path
) -> None:
    (onnx_folder / "model.onnx").write_bytes(b"broken")
    settings = {**SETTINGS, "encoder": str(onnx_folder), "store": str(tmp_path / "store")}
    with pytest.raises(DataError, match=r"model.onnx must be an ONNX model"):
        extract_features(
            data_set.manifest,
            data_set.captions,
            tmp_path / "examples",
            EncoderSettings.check(settings),
        )
    assert not (tmp_path / "examples").exists()
    assert not [path for path in (tmp_path / "store").rglob("*") if path.is_file()]
