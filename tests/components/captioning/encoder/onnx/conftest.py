"""Tiny ONNX models, whose features can be computed by hand."""

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

_SHAPES = {
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
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, _SHAPES[name]) for name in outputs],
        weights,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


@pytest.fixture
def make_model() -> Callable[..., onnx.ModelProto]:
    return make_tiny_model
