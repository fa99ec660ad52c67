import numpy as np
import pytest
from PIL import Image

from components.captioning.encoder.onnx.image_processor import ImageProcessor
from components.captioning.encoder.onnx.preprocessor_config import image_processor

# Four rows of six pixels: red grows to the right, green downwards, blue shrinks in both directions.
_Y, _X = np.mgrid[0:4, 0:6]
PHOTO = Image.fromarray(
    np.stack([40 * _X, 60 * _Y, 255 - 20 * (_X + _Y)], axis=-1).astype(np.uint8)
)


def _processed(values: dict) -> np.ndarray:
    """Returns the encoder's input, float32 [3, S, S]."""
    processor = image_processor(values)
    pixels, table = processor.resize_and_crop(PHOTO), processor.lookup_table()
    assert pixels.shape == (processor.side, processor.side, 3)
    return np.stack([table[pixels[..., colour], colour] for colour in range(3)])


# Computed with transformers 5.24 (the PIL image processors) and Pillow 12.3.
def test_processed_as_clip_equals_transformers() -> None:
    values = {
        "image_processor_type": "CLIPImageProcessor",
        "size": {"shortest_edge": 3},
        "crop_size": {"height": 3, "width": 3},
    }
    red, green, blue = _processed(values)
    np.testing.assert_allclose(red, [[-1.6170814, -0.7995695, 0.1347298]] * 3, atol=1e-6)
    np.testing.assert_allclose(
        green, np.transpose([[-1.5870117, -0.4013979, 0.7842157]] * 3), atol=1e-6
    )
    np.testing.assert_allclose(blue[0], [2.0036962, 1.6055346, 1.1504925], atol=1e-6)


def test_processed_as_vit_equals_transformers() -> None:
    values = {"feature_extractor_type": "ViTFeatureExtractor", "size": 2}
    red, green, blue = _processed(values)
    np.testing.assert_allclose(red, [[-0.6078432, 0.1764706]] * 2, atol=1e-6)
    np.testing.assert_allclose(green[:, 0], [-0.6627451, 0.0745099], atol=1e-6)
    np.testing.assert_allclose(blue, [[0.6941177, 0.3019608], [0.4431373, 0.0509804]], atol=1e-6)


def test_processed_as_efficientnet_is_divided_by_the_deviation_twice() -> None:
    values = {
        "image_processor_type": "EfficientNetImageProcessor",
        "size": {"height": 2, "width": 2},
        "resample": 0,
        "image_mean": [0.485, 0.456, 0.406],
        "image_std": [0.47853944, 0.4732864, 0.47434163],
    }
    red, _, blue = _processed(values)
    np.testing.assert_allclose(red[0], [-1.4329140, 0.6220567], atol=1e-6)
    np.testing.assert_allclose(blue[1], [1.2456647, 0.1999129], atol=1e-6)


def test_processed_with_rescale_offset_is_between_minus_1_and_1() -> None:
    values = {
        "image_processor_type": "EfficientNetImageProcessorFast",
        "size": {"height": 2, "width": 2},
        "rescale_factor": 1 / 127.5,
        "rescale_offset": True,
        "do_normalize": False,
        "include_top": False,
    }
    red, green, _ = _processed(values)
    np.testing.assert_allclose(red[0], [-0.6470588, 0.2156863], atol=1e-6)
    np.testing.assert_allclose(green[:, 0], [-0.7254902, 0.1372550], atol=1e-6)


def test_processed_as_convnext_is_resized_larger_and_cropped() -> None:
    values = {
        "image_processor_type": "ConvNextImageProcessor",
        "size": {"shortest_edge": 3},
        "crop_pct": 0.75,
    }
    red, _, blue = _processed(values)
    np.testing.assert_allclose(red[2], [-0.6862745, -0.3725490, -0.0588235], atol=1e-6)
    np.testing.assert_allclose(blue[0], [0.8431373, 0.6862745, 0.5294118], atol=1e-6)


def test_crop_larger_than_the_photo_is_padded_with_black() -> None:
    values = {
        "do_center_crop": True, "crop_size": 5, "do_rescale": False,
    }  # fmt: skip
    red, _, _ = _processed(values)
    # Five of six columns; one row of padding, above.
    row = [0, 40, 80, 120, 160]
    assert red.tolist() == [[0] * 5, row, row, row, row]


def test_resize_and_crop_of_an_extremely_long_photo_takes_little_memory() -> None:
    # Its shorter side at 224 pixels, it would have 44 million columns.
    photo = Image.new("RGB", (200_000, 1), "red")
    processor = image_processor({"image_processor_type": "CLIPImageProcessor"})
    pixels = processor.resize_and_crop(photo)
    assert (pixels == [255, 0, 0]).all() and pixels.shape == (224, 224, 3)


def test_image_processor_that_gives_no_squares_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"must become squares.*crop_size \(4, 5\)"):
        ImageProcessor(None, 8, 2, (4, 5), None, False, None, (1, 1, 1), False)
    with pytest.raises(ValueError, match=r"must become squares.* size 8"):
        ImageProcessor(None, 8, 2, None, None, False, None, (1, 1, 1), False)


def test_image_processor_with_a_deviation_of_zero_is_an_error() -> None:
    with pytest.raises(ValueError, match="must give finite numbers"):
        ImageProcessor((8, 8), None, 2, None, None, False, (0, 0, 0), (1, 0, 1), False)
