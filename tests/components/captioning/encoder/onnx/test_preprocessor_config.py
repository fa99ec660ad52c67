import json
import re
from pathlib import Path
from typing import Any

import pytest

from components.captioning.encoder.onnx.image_processor import ImageProcessor
from components.captioning.encoder.onnx.preprocessor_config import (
    image_processor,
    read_image_processor,
)
from components.errors import DataError
from components.settings.backbone_names import PREPROCESSOR_FILE

HALF = (0.5, 0.5, 0.5)
VALUES: dict[str, Any] = {"size": {"height": 8, "width": 8}, "image_mean": 0.5, "image_std": 0.5}


def test_read_image_processor_of_a_file_without_class(tmp_path: Path) -> None:
    (tmp_path / PREPROCESSOR_FILE).write_text(json.dumps({**VALUES, "resample": 3}))
    assert read_image_processor(tmp_path) == ImageProcessor(
        (8, 8), None, 3, None, 1 / 255, False, HALF, HALF, False
    )


def test_missing_and_null_values_are_the_defaults_of_the_class() -> None:
    clip = image_processor({"image_processor_type": "CLIPImageProcessor", "resample": None})
    assert (clip.shortest_edge, clip.crop_size, clip.resample) == (224, (224, 224), 3)
    assert clip.mean == (0.48145466, 0.4578275, 0.40821073)
    vit = image_processor({"image_processor_type": "ViTImageProcessorFast", "do_resize": None})
    assert (vit.size, vit.shortest_edge, vit.resample) == ((224, 224), None, 2)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("BitImageProcessor", (None, 300)), ("DeiTImageProcessor", ((300, 300), None))],
)
def test_single_number_is_both_sides_or_the_shortest_edge(kind: str, expected: tuple) -> None:
    made = image_processor({"image_processor_type": kind, "size": 300, "crop_size": 224})
    assert (made.size, made.shortest_edge) == expected
    assert made.crop_size == (224, 224)


def test_crop_pct_of_timm_enlarges_the_resized_photo() -> None:
    made = image_processor({**VALUES, "size": 288, "crop_pct": 0.95})
    assert (made.shortest_edge, made.crop_size) == (303, (288, 288))


def test_convnext_of_384_pixels_is_not_cropped() -> None:
    made = image_processor({"image_processor_type": "ConvNextImageProcessor"})
    assert (made.size, made.shortest_edge, made.crop_size) == ((384, 384), None, None)


def test_steps_that_are_turned_off_are_left_out() -> None:
    made = image_processor({**VALUES, "do_rescale": False, "do_normalize": False})
    assert (made.rescale_factor, made.mean) == (None, None)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"image_processor_type": "LevitImageProcessor"}, "one of Bit, .*'LevitImageProcessor'"),
        ({"do_pad": True}, "do_pad is a step"),
        ({"size": {"longest_edge": 8}}, "longest_edge"),
        ({"size": {"height": 8, "width": 9}}, "must become squares"),
        ({"size": None}, "must become squares"),
        ({"size": 1 << 20}, "less than or equal to 4096"),
        ({"size": "8"}, "size"),
        ({"resample": 9}, "resample"),
        ({"resample": True}, "resample"),
        ({"image_std": 0}, "must give finite numbers"),
        ({"image_std": None}, "image_std must have a number"),
        ({"image_mean": [0.5, 0.5]}, "image_mean"),
        ({"rescale_factor": 1e300}, "must give finite numbers"),
        ({"crop_pct": 0}, "crop_pct"),
    ],
)
def test_read_image_processor_that_cant_be_followed_names_file_and_rule(
    tmp_path: Path, values: dict[str, Any], message: str
) -> None:
    (tmp_path / PREPROCESSOR_FILE).write_text(json.dumps({**VALUES, **values}))
    with pytest.raises(DataError, match=f"{re.escape(PREPROCESSOR_FILE)}.*{message}"):
        read_image_processor(tmp_path)


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"\xff", b"[" * 100_000, b"{" + b" " * (1 << 20) + b"}", b'{"size": NaN}'],
    ids=["empty", "list", "no text", "deep", "large", "NaN"],
)
def test_read_image_processor_of_a_damaged_file_is_an_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / PREPROCESSOR_FILE).write_bytes(content)
    with pytest.raises(DataError, match=PREPROCESSOR_FILE):
        read_image_processor(tmp_path)


def test_read_image_processor_of_a_missing_file_names_it(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=f"{PREPROCESSOR_FILE} must be a file"):
        read_image_processor(tmp_path)
