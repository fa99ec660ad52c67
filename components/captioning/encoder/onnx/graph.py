"""Checks that an ONNX model is safe to compute, and reads its input and outputs."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import onnx

from components.captioning.encoder.onnx.folder import (
    is_external,
    nodes_of,
    parse_model,
    tensors_of,
)
from components.captioning.encoder.onnx.image_processor import MAX_SIDE
from components.errors import DataError

Layout = Literal["NCHW", "NHWC"]

_STANDARD = {"", "ai.onnx", "ai.onnx.ml"}
_MICROSOFT = "com.microsoft"
# Operators that onnxruntime's optimizer and quantizer write into vision models. Others of this
# domain may read files (EPContext) or run Python (PythonOp).
_MICROSOFT_OPERATORS = {
    "Attention", "BiasAdd", "BiasGelu", "BiasSoftmax", "BiasSplitGelu", "DequantizeLinear",
    "DynamicQuantizeMatMul", "FastGelu", "FusedConv", "FusedGemm", "FusedMatMul", "Gelu",
    "GemmFastGelu", "GroupNorm", "LayerNormalization", "MatMulInteger16", "MatMulIntegerToFloat",
    "MatMulNBits", "MultiHeadAttention", "NhwcConv", "NhwcMaxPool", "QAttention", "QGemm",
    "QLinearAdd", "QLinearAveragePool", "QLinearConcat", "QLinearConv", "QLinearGlobalAveragePool",
    "QLinearLeakyRelu", "QLinearMul", "QLinearReduceMean", "QLinearSigmoid", "QLinearSoftmax",
    "QuantizeLinear", "QuickGelu", "SkipGroupNorm", "SkipLayerNormalization",
    "SkipSimplifiedLayerNormalization", "TransposeMatMul",
}  # fmt: skip
_TYPES: dict[int, type[np.generic]] = {
    onnx.TensorProto.FLOAT: np.float32,
    onnx.TensorProto.FLOAT16: np.float16,
    onnx.TensorProto.UINT8: np.uint8,
}
_MAX_BATCH = 4096
#: Maximum number of values that an input or output may have per photo.
MAX_NUMBERS = 1 << 26
_MAX_OUTPUTS = 1000


@dataclass(frozen=True, slots=True)
class OnnxGraph:
    """The input and the outputs of an ONNX model that takes photos.

    Attributes:
        input: Name of the input.
        dtype: NumPy type of its numbers: float32, float16 or uint8.
        layout: NCHW: [B, 3, S, S]; NHWC: [B, S, S, 3].
        batch: Photos in a batch if the model fixes it, else None.
        side: Height and width of the photos if the model fixes them, else None.
        outputs: Names of the outputs.
    """

    input: str
    dtype: type[np.generic]
    layout: Layout
    batch: int | None
    side: int | None
    outputs: tuple[str, ...]


def check_model(content: bytes, *, named: str) -> OnnxGraph:
    """Checks a self-contained model without computing it, and returns its input and outputs.

    Args:
        content: The serialized model.
        named: The model's name in error messages.

    Raises:
        DataError: If it is damaged, refers to other files, has unknown operators, announces sizes
            that it does not have, or takes anything but photos.
    """
    model = parse_model(content, named=named)
    _check_operators(model, named)
    _check_tensors(model, len(content), named)
    for value in (*model.graph.input, *model.graph.output):
        _check_value(value, named)
    if not 0 < len(model.graph.output) <= _MAX_OUTPUTS:
        raise DataError(
            f"{named} must have 1 to {_MAX_OUTPUTS} outputs. Received: {len(model.graph.output)}"
        )
    return _graph(model, named)


def _check_operators(model: onnx.ModelProto, named: str) -> None:
    defined = {(function.domain, function.name) for function in model.functions}
    for node in nodes_of(model):
        standard = node.domain in _STANDARD or (node.domain, node.op_type) in defined
        ours = node.domain == _MICROSOFT and node.op_type in _MICROSOFT_OPERATORS
        if not (standard or ours):
            raise DataError(
                f"{named} must have only standard ONNX operators. Received: the operator "
                f"{node.op_type[:80]!r} of the domain {node.domain[:80]!r}. Export the model "
                "without custom operators"
            )


def _check_tensors(model: onnx.ModelProto, size: int, named: str) -> None:
    for tensor in tensors_of(model):
        if is_external(tensor):
            raise DataError(
                f"{named} must hold all its weights. Received: the weights {tensor.name[:80]!r} in "
                "another file"
            )
        # A byte holds at most two numbers, of 4 bits each.
        if any(dim < 0 for dim in tensor.dims) or math.prod(tensor.dims) > 2 * size:
            raise DataError(
                f"{named} must hold all its weights. Received: the shape {list(tensor.dims)[:8]} "
                f"of the weights {tensor.name[:80]!r} in a file of {size} bytes"
            )


def _check_value(value: onnx.ValueInfoProto, named: str) -> None:
    if not isinstance(value.name, str):
        # protobuf returns names that are not UTF-8 as bytes.
        raise DataError(
            f"{named} must have inputs and outputs with names in UTF-8. Received: "
            f"{value.name[:80]!r}"
        )
    dims = _dims(value)
    if any(dim is not None and not 0 < dim <= MAX_NUMBERS for dim in dims) or (
        math.prod(dim or 1 for dim in dims[1:]) > MAX_NUMBERS
    ):
        raise DataError(
            f"{named} must have inputs and outputs of at most {MAX_NUMBERS} numbers for each "
            f"photo. Received: {value.name[:80]!r} with the shape {dims[:8]}"
        )


def _graph(model: onnx.ModelProto, named: str) -> OnnxGraph:
    initializers = {tensor.name for tensor in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in initializers]
    names = ", ".join(value.name for value in inputs)[:200]
    if len(inputs) != 1:
        raise DataError(
            f"{named} must have one input, photos, usually called pixel_values. Received: "
            f"{names or 'none'}. Of a model of photos and text, such as CLIP, export only the "
            "vision tower, as vision_model.onnx"
        )
    (value,) = inputs
    dims = _dims(value)
    dtype = _TYPES.get(value.type.tensor_type.elem_type)
    if dtype is None or len(dims) != 4:
        raise DataError(
            f"{named} must take photos: float32, float16 or uint8 with 4 dimensions. Received: the "
            f"input {names} of type {value.type.tensor_type.elem_type} with the shape {dims[:8]}"
        )
    layout: Layout = "NHWC" if dims[3] == 3 and dims[1] != 3 else "NCHW"
    batch, height, width = dims[0], *(dims[1:3] if layout == "NHWC" else dims[2:])
    channels = dims[3] if layout == "NHWC" else dims[1]
    if channels not in (3, None):
        raise DataError(f"{named} must take photos of 3 colours. Received: the shape {dims}")
    if (height or width) != (width or height) or (height or 1) > MAX_SIDE:
        raise DataError(
            f"{named} must take square photos of at most {MAX_SIDE} pixels a side. Received: the "
            f"shape {dims}"
        )
    if (batch or 1) > _MAX_BATCH:
        raise DataError(f"{named} must take at most {_MAX_BATCH} photos. Received: {batch}")
    outputs = tuple(output.name for output in model.graph.output)
    return OnnxGraph(value.name, dtype, layout, batch, height or width, outputs)


def _dims(value: onnx.ValueInfoProto) -> list[int | None]:
    dims = value.type.tensor_type.shape.dim
    return [dim.dim_value if dim.HasField("dim_value") else None for dim in dims]
