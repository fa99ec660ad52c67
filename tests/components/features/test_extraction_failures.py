"""Extraction that fails, and the runs after it."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from google.cloud import storage
from PIL import Image
from tiny_encoder import write_encoder

from components.artifacts.captions import CaptionedPhoto, write_captions
from components.artifacts.fingerprint import fingerprint_file
from components.artifacts.manifest import Photo, write_manifest
from components.errors import DataError, SettingError
from components.features.extraction import extract_features
from components.features.store import FeatureStore
from components.settings.encoder import EncoderSettings

SETTINGS: dict[str, Any] = {
    "encoder": "MobileNetV3Small",
    "encoder_weights": "random",
    "precision": "float32",
    "store": "",
}


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        ("encoder", "MobileNetV7", "encoder must name .*MobileNetV2.* Received: 'MobileNetV7'"),
        ("encoder_weights", "ftp://host/w.h5", "must be local or begin with gs://"),
    ],
)
def test_extract_features_with_an_invalid_setting_names_rule_and_value(
    data_set: Any, setting: str, value: object, message: str
) -> None:
    output = data_set.manifest.with_name("examples")
    settings = {**SETTINGS, setting: value}
    with pytest.raises(SettingError, match=message):
        extract_features(
            data_set.manifest, data_set.captions, output, EncoderSettings.check(settings)
        )
    assert not output.exists()


def test_extract_features_with_a_wrong_weights_file_names_it(data_set: Any, tmp_path: Path) -> None:
    (tmp_path / "mine.weights.h5").write_bytes(b"no weights")
    settings = {**SETTINGS, "encoder_weights": str(tmp_path / "mine.weights.h5")}
    with pytest.raises(DataError, match=r"encoder_weights must .*mine.weights.h5"):
        extract_features(
            data_set.manifest, data_set.captions, tmp_path / "examples", EncoderSettings(**settings)
        )


def test_extract_features_whose_encoder_is_not_saved_stores_no_features(
    data_set: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def save_encoder(*_: object) -> None:
        raise SettingError("the store is full")

    monkeypatch.setattr(FeatureStore, "save_encoder", save_encoder)
    encoder = str(write_encoder(tmp_path / "encoder"))
    settings = {**SETTINGS, "encoder": encoder, "store": str(tmp_path / "store")}
    with pytest.raises(SettingError, match="the store is full"):
        extract_features(
            data_set.manifest, data_set.captions, tmp_path / "examples", EncoderSettings(**settings)
        )
    # Nobody would have the encoder that made them.
    assert not [path for path in (tmp_path / "store").rglob("*") if path.is_file()]


def test_extract_features_after_a_failed_run_encodes_the_remaining_photos(
    data_set: Any, bucket: storage.Bucket, tmp_path: Path
) -> None:
    # Two lists of photos; the last photo of the second can't be read at first.
    generator = np.random.default_rng(1)
    photos = []
    for index in range(34):
        path = tmp_path / f"{index:02d}.bmp"
        blocks = generator.integers(0, 256, (4, 4, 3), np.uint8)
        Image.fromarray(blocks).save(path)
        sha256 = fingerprint_file(path)
        photos.append(Photo(path.name, str(path), sha256, 4, 4, "train", ("A",)))
    write_manifest(data_set.manifest, photos)
    captioned = [CaptionedPhoto(p.image_id, "train", ("a",), ((4,),)) for p in photos]
    write_captions(data_set.captions, captioned)
    last = tmp_path / "33.bmp"
    shutil.move(last, tmp_path / "away")

    def extract(store: str) -> dict[str, Any]:
        encoder = str(write_encoder(tmp_path / "encoder"))
        output, settings = tmp_path / "examples", {**SETTINGS, "encoder": encoder, "store": store}
        return extract_features(
            data_set.manifest, data_set.captions, output, EncoderSettings(**settings)
        )

    with pytest.raises(DataError, match=r"Photo 33.bmp can no longer be read"):
        extract("gs://runs/features")
    assert not (tmp_path / "examples").exists()
    assert len([b for b in bucket.list_blobs() if b.name.endswith("-32.npy")]) == 1
    shutil.move(tmp_path / "away", last)
    assert extract("gs://runs/features/")["encoded_photos"] == 2
    assert extract("gs://runs/features")["encoded_photos"] == 0
