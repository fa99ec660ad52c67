from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from components.captioning.encoder.dead_leaves import draw_dead_leaves
from components.captioning.encoder.encoder import Encoder
from components.captioning.encoder.images import load_photo
from components.errors import DataError, SettingError
from components.features import key
from components.features.key import FEATURES_VERSION, encoder_key


def test_encoder_key_counts_a_weights_file_by_its_content(tmp_path: Path) -> None:
    one, same, other = (tmp_path / f"{name}.h5" for name in ("one", "same", "other"))
    one.write_text("weights")
    same.write_text("weights")
    other.write_text("others")
    first = encoder_key("inceptionv3", str(one), 1, "float32")
    assert len(first) == 64
    # Neither the file's name counts, nor how the network is spelled, nor a seed that is not used.
    assert encoder_key("InceptionV3", str(same), 2, "float32") == first
    assert encoder_key("InceptionV3", str(other), 1, "float32") != first


def test_encoder_key_differs_with_all_that_changes_features(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    keys = {
        encoder_key("InceptionV3", "random", 1, "float32"),
        encoder_key("InceptionV3", "random", 2, "float32"),
        encoder_key("InceptionV3", "imagenet", 1, "float32"),
        encoder_key("Xception", "imagenet", 1, "float32"),
        encoder_key("Xception", "imagenet", 1, "bfloat16"),
    }
    monkeypatch.setattr(key, "FEATURES_VERSION", FEATURES_VERSION + 1)
    keys.add(encoder_key("InceptionV3", "imagenet", 1, "float32"))
    monkeypatch.setattr(key, "version", lambda library: f"another {library}")
    keys.add(encoder_key("InceptionV3", "imagenet", 1, "float32"))
    assert len(keys) == 7


def test_encoder_key_of_float32_is_that_of_before_there_was_a_choice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(key, "FEATURES_VERSION", 1)
    monkeypatch.setattr(key, "version", lambda library: "1")
    # As it was computed then: what a store has of float32 is still good.
    before = "be982d08f47096c7baa07135f17906e17b7e8d1ef2cbf7983cdb23d91b82e32a"
    assert encoder_key("InceptionV3", "random", 1, "float32") == before


def test_encoder_key_of_wrong_settings_names_them(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"encoder must name .*InceptionV3"):
        encoder_key("InceptionV9", "imagenet", 1, "float32")
    with pytest.raises(DataError, match="Nothing lies at this path"):
        encoder_key("InceptionV3", str(tmp_path / "gone.h5"), 1, "float32")


# What follows stands for all that FEATURES_VERSION counts. Where these numbers change, features of
# before are no longer those of now: raise the version, then write the new numbers here.


def test_features_version_1_reads_photos_so(tmp_path: Path) -> None:
    ramp = np.add.outer(np.arange(96) * 2, np.arange(64)).astype(np.uint8)  # [96, 64]
    photo = Image.fromarray(np.stack([ramp, 255 - ramp, ramp // 2], axis=-1))
    photo.save(tmp_path / "photo.jpg", quality=95)
    photo.putalpha(128)
    photo.save(tmp_path / "photo.png")
    jpeg, png = (load_photo(tmp_path / f"photo.{kind}", 4) for kind in ("jpg", "png"))
    # A JPEG decoder may round differently.
    reds = [[36, 51, 67, 81], [80, 95, 111, 125], [129, 143, 159, 173], [172, 187, 203, 217]]
    np.testing.assert_allclose(jpeg[:, :, 0].astype(int), reds, atol=1)
    blues = [[136, 140, 144, 148], [147, 151, 155, 159], [159, 163, 167, 171], [170, 174, 178, 181]]
    assert png[:, :, 2].tolist() == blues


def test_features_version_1_encodes_so() -> None:
    encoder = Encoder.build("MobileNet", "random", seed=1, batch_size=1)
    encoder.calibrate(draw_dead_leaves(2, 224, seed=1))
    blocks = np.random.default_rng(0).integers(0, 256, (1, 7, 7, 3), np.uint8)
    photo = blocks.repeat(32, axis=1).repeat(32, axis=2)
    expected = [0.552194, 0.297712, 0.450306, 0.319057, 0.52682, 0.502175]
    np.testing.assert_allclose(encoder.encode(photo)[0, :6], expected, atol=1e-3)
