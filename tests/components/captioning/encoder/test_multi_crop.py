from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from components.captioning.encoder.loading import load_encoder
from components.captioning.encoder.multi_crop import VIEWS, MultiCropEncoder, views_of
from components.captioning.encoder.onnx.encoder import OnnxEncoder
from components.captioning.encoder.spec import EncoderSpec


@pytest.fixture
def encoder(
    tmp_path: Path,
    make_model: Callable[..., onnx.ModelProto],
    write_onnx_folder: Callable[..., Path],
) -> OnnxEncoder:
    """Its feature is the mean of each colour, from 0 to 255, times 1, 2 and 4."""
    config: dict[str, Any] = {"size": 8, "do_normalize": False, "do_rescale": False}
    return OnnxEncoder.build(write_onnx_folder(tmp_path / "net", make_model(), config))


def quarters() -> np.ndarray:
    """A photo whose upper left quarter is 80 in red and whose lower right is 160 in green."""
    photo = np.zeros((8, 8, 3), np.uint8)
    photo[:4, :4, 0] = 80
    photo[4:, 4:, 1] = 160
    return photo


def test_views_are_the_photo_its_mirror_image_and_five_crops() -> None:
    photo = quarters()
    views = views_of(photo)
    assert views.shape == (VIEWS, 8, 8, 3) and views.dtype == np.uint8
    np.testing.assert_array_equal(views[0], photo)
    np.testing.assert_array_equal(views[1], photo[:, ::-1])
    # A corner's crop has 6 of 8 rows and columns, so red fills the first 2/3 of the first one.
    upper_left, upper_right, lower_left, lower_right, centre = views[2:]
    assert upper_left[0, :5, 0].tolist() == pytest.approx([80] * 5, abs=10)
    assert upper_left[0, 6:, 0].max() <= 5
    # Of the first four columns, the right half of the photo keeps two: 8/3 columns of eight.
    assert upper_right[0, :2, 0].tolist() == pytest.approx([80] * 2, abs=10)
    assert upper_right[0, 4:, 0].max() == 0
    assert lower_left[:2, 0, 0].tolist() == pytest.approx([80] * 2, abs=10)
    assert lower_right[7, 3:, 1].tolist() == pytest.approx([160] * 5, abs=15)
    assert centre[0, 0].tolist() == pytest.approx([80, 0, 0], abs=10)
    assert centre[7, 7].tolist() == pytest.approx([0, 160, 0], abs=10)


def test_encode_is_the_mean_over_the_views(encoder: OnnxEncoder) -> None:
    multi_crop = MultiCropEncoder(encoder)
    photos = np.stack([quarters(), np.full((8, 8, 3), 10, np.uint8)])
    features = multi_crop.encode(photos)
    expected = encoder.encode(views_of(photos[0])).mean(axis=0)
    np.testing.assert_allclose(features[0], expected, rtol=1e-6)
    assert abs(features[0] - encoder.encode(photos[:1])[0]).max() > 1
    # All views of a plain photo are the same.
    np.testing.assert_allclose(features[1], [10, 20, 40], rtol=1e-6)


def test_encode_of_more_photos_than_a_batch_keeps_their_order(encoder: OnnxEncoder) -> None:
    photos = np.stack([np.full((8, 8, 3), value, np.uint8) for value in range(70)])
    features = MultiCropEncoder(encoder).encode(photos)
    np.testing.assert_allclose(features[:, 0], np.arange(70), atol=1e-4)


def test_feature_map_is_that_of_the_whole_photo(encoder: OnnxEncoder) -> None:
    photos = quarters()[np.newaxis]
    cells = MultiCropEncoder(encoder).feature_map(photos)
    assert cells is not None
    np.testing.assert_allclose(cells.mean(axis=(1, 2)), encoder.encode(photos), rtol=1e-5)


def test_load_encoder_restores_multi_crop(encoder: OnnxEncoder, tmp_path: Path) -> None:
    directory = tmp_path / "saved"
    directory.mkdir()
    saved = MultiCropEncoder(encoder)
    saved.save(directory)
    loaded = load_encoder(directory)
    assert isinstance(loaded, MultiCropEncoder)
    assert loaded.spec == saved.spec == EncoderSpec.load(directory)
    assert saved.spec.identity != encoder.spec.identity
    photos = quarters()[np.newaxis]
    np.testing.assert_array_equal(loaded.encode(photos), saved.encode(photos))
