"""Recorded pixels and features: a change of them changes every score, and must be meant."""

from pathlib import Path

import numpy as np
from PIL import Image

from components.captioning.encoder.dead_leaves import draw_dead_leaves
from components.captioning.encoder.encoder import Encoder
from components.captioning.encoder.images import load_photo


def test_load_photo_gives_the_same_pixels_as_ever(tmp_path: Path) -> None:
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


def test_encoder_gives_the_same_features_as_ever() -> None:
    encoder = Encoder.build("MobileNet", "random", seed=1, batch_size=1)
    encoder.calibrate(draw_dead_leaves(2, 224, seed=1))
    blocks = np.random.default_rng(0).integers(0, 256, (1, 7, 7, 3), np.uint8)
    photo = blocks.repeat(32, axis=1).repeat(32, axis=2)
    expected = [0.552194, 0.297712, 0.450306, 0.319057, 0.52682, 0.502175]
    np.testing.assert_allclose(encoder.encode(photo)[0, :6], expected, atol=1e-3)
