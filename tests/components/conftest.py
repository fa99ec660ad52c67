"""Files that people take for photos, odd ones and others; and tiny ONNX models."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import ExifTags, Image

_GREY = Image.linear_gradient("L")


def _encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def _animation() -> bytes:
    red, blue = (Image.new("RGB", (32, 24), colour) for colour in ("red", "blue"))
    return _encoded(red, "GIF", save_all=True, append_images=[blue])


_ODD: dict[str, Callable[[], bytes]] = {
    "16-bit": lambda: _encoded(Image.new("I;16", (9, 9), 0x8000)),
    "CMYK": lambda: _encoded(Image.new("CMYK", (32, 32), (0, 255, 255, 0)), "JPEG"),
    "transparent": lambda: _encoded(Image.new("RGBA", (9, 9), (255, 0, 0, 0))),
    "WebP": lambda: _encoded(_GREY, "WEBP"),
}
_UNKNOWN = "the content is not an image of a known format (JPEG, PNG, WEBP, BMP, GIF)"
_NO_PHOTO: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty": (lambda: b"", _UNKNOWN),
    "text": (lambda: b"hello", _UNKNOWN),
    "truncated": (
        lambda: _encoded(_GREY, "JPEG")[:1000],
        "the file is damaged or incomplete (image file is truncated",
    ),
    "100-megapixel": (
        lambda: _encoded(Image.new("1", (10_000, 10_000))),
        "it must not have more than 64000000 pixels. Received: 10000 x 10000",
    ),
    "animated": (_animation, "it is an animation; a photo has one frame"),
}


class Turned(NamedTuple):
    """A photo that is upright; the same turned, with the EXIF tag that says so, and without."""

    upright: bytes
    tagged: bytes
    untagged: bytes


@pytest.fixture(params=list(_ODD))
def odd_photo(request: pytest.FixtureRequest) -> bytes:
    """A photo of a kind that few are, and that is described like any other."""
    return _ODD[request.param]()


@pytest.fixture(params=list(_NO_PHOTO))
def no_photo(request: pytest.FixtureRequest) -> tuple[bytes, str]:
    """What can't be described, and the beginning of the reason that is given."""
    make, reason = _NO_PHOTO[request.param]
    return make(), reason


@pytest.fixture(scope="session")
def turned() -> Turned:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6  # It is shown turned clockwise.
    photo = _GREY.transpose(Image.Transpose.ROTATE_90)
    return Turned(_encoded(_GREY), _encoded(photo, exif=exif), _encoded(photo))


_OUTPUT_SHAPES = {
    "image_embeds": ["batch", 3],
    "pooler_output": ["batch", 3],
    "last_hidden_state": ["batch", 4, 3],
    "map": ["batch", 3, 2, 2],
    "classified": ["batch", 5, 3],
}


def make_tiny_model(
    outputs: tuple[str, ...] = ("last_hidden_state", "pooler_output"),
    *,
    layout: str = "NCHW",
    batch: Any = "batch",
    side: Any = 8,
    dtype: int = TensorProto.FLOAT,
) -> onnx.ModelProto:
    """Returns a model whose feature is the mean of each colour, times 1, 2 and 4.

    Args:
        outputs: `pooler_output` and `image_embeds`: the feature; `last_hidden_state`: the same for
            each quarter of the photo; `map`: these as [B, 3, 2, 2]; `classified`: these with the
            feature in front, as of a transformer with a class token.
        layout: Of the input.
        batch: The first dimension of the input: a number or a name.
        side: Height and width.
        dtype: Of the input.
    """
    shape = [batch, 3, side, side] if layout == "NCHW" else [batch, side, side, 3]
    order = [0, 1, 2, 3] if layout == "NCHW" else [0, 3, 1, 2]
    scale = np.array([1, 2, 4], np.float32).reshape(3, 1, 1)
    weights = [
        numpy_helper.from_array(scale, "scale"),
        numpy_helper.from_array(np.array([0, 3, -1], np.int64), "flat"),
    ]
    nodes = [
        helper.make_node("Cast", ["pixel_values"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["floats"], ["photos"], perm=order),
        helper.make_node("Mul", ["photos", "scale"], ["scaled"]),
        helper.make_node("AveragePool", ["scaled"], ["map"], kernel_shape=[4, 4], strides=[4, 4]),
        helper.make_node("Reshape", ["map", "flat"], ["rows"]),
        helper.make_node("Transpose", ["rows"], ["last_hidden_state"], perm=[0, 2, 1]),
        helper.make_node("ReduceMean", ["rows"], ["pooler_output"], axes=[2], keepdims=0),
        helper.make_node("ReduceMean", ["rows"], ["image_embeds"], axes=[2], keepdims=0),
        helper.make_node("ReduceMean", ["last_hidden_state"], ["token"], axes=[1], keepdims=1),
        helper.make_node("Concat", ["token", "last_hidden_state"], ["classified"], axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("pixel_values", dtype, shape)],
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, _OUTPUT_SHAPES[name])
            for name in outputs
        ],
        weights,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


@pytest.fixture(scope="session")
def make_model() -> Callable[..., onnx.ModelProto]:
    return make_tiny_model


@pytest.fixture(scope="session")
def write_onnx_folder() -> Callable[..., Path]:
    """Returns a function that writes the folder of a model and its preprocessing."""

    def write(folder: Path, model: onnx.ModelProto, config: dict[str, Any]) -> Path:
        folder.mkdir(exist_ok=True)
        (folder / "model.onnx").write_bytes(model.SerializeToString())
        (folder / "preprocessor_config.json").write_text(json.dumps(config))
        return folder

    return write
