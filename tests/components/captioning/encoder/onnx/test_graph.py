from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from components.captioning.encoder.onnx.graph import OnnxGraph, check_model
from components.errors import DataError

MakeModel = Callable[..., onnx.ModelProto]


def _check(model: onnx.ModelProto) -> OnnxGraph:
    return check_model(model.SerializeToString(), named="m.onnx")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, (np.float32, "NCHW", None, 8)),
        ({"layout": "NHWC", "dtype": TensorProto.UINT8}, (np.uint8, "NHWC", None, 8)),
        ({"batch": 2, "side": "height"}, (np.float32, "NCHW", 2, None)),
        ({"dtype": TensorProto.FLOAT16}, (np.float16, "NCHW", None, 8)),
    ],
)
def test_check_model_returns_input_and_outputs(
    make_model: MakeModel, options: dict[str, Any], expected: tuple
) -> None:
    graph = _check(make_model(**options))
    assert graph == OnnxGraph("pixel_values", *expected, ("last_hidden_state", "pooler_output"))


def test_check_model_with_names_for_all_dimensions_has_colours_first(make_model: MakeModel) -> None:
    model = make_model()
    for dim in model.graph.input[0].type.tensor_type.shape.dim:
        dim.dim_param = "any"
    assert (_check(model).layout, _check(model).side) == ("NCHW", None)


def test_check_model_of_photos_and_text_names_the_inputs(make_model: MakeModel) -> None:
    model = make_model()
    model.graph.input.append(helper.make_tensor_value_info("input_ids", TensorProto.INT64, [1, 7]))
    with pytest.raises(DataError, match=r"Received: pixel_values, input_ids\..*vision_model.onnx$"):
        _check(model)


def test_check_model_with_a_weight_among_the_inputs_is_accepted(make_model: MakeModel) -> None:
    # As exporters before IR version 4 wrote them.
    model = make_model()
    model.graph.input.append(helper.make_tensor_value_info("scale", TensorProto.FLOAT, [3, 1, 1]))
    assert _check(model).input == "pixel_values"


@pytest.mark.parametrize(
    ("operator", "domain"),
    [
        ("Steal", "evil.example"), ("EPContext", "com.microsoft"), ("PythonOp", "com.microsoft"),
        ("ATen", "org.pytorch.aten"), ("Gelu", "ai.onnx.contrib"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("place", ["graph", "branch", "function"])
def test_check_model_with_a_custom_operator_is_refused(
    make_model: MakeModel, operator: str, domain: str, place: str
) -> None:
    model = make_model()
    node = helper.make_node(operator, ["scale"], ["x"], domain=domain)
    if place == "graph":
        model.graph.node.append(node)
    elif place == "branch":
        branch = helper.make_graph([node], "b", [], [helper.make_empty_tensor_value_info("x")])
        model.graph.node.append(helper.make_node("If", ["p"], ["q"], then_branch=branch))
    else:
        imports = [helper.make_opsetid(domain, 1)]
        function = helper.make_function("mine", "f", ["scale"], ["x"], [node], imports)
        model.functions.append(function)
    with pytest.raises(DataError, match=f"the operator '{operator}' of the domain '{domain}'"):
        _check(model)


def test_check_model_with_onnxruntimes_own_operators_and_functions_is_accepted(
    make_model: MakeModel,
) -> None:
    # Operators that its optimizer writes, and those that PyTorch's exporter defines in the file.
    model = make_model()
    model.graph.node.append(helper.make_node("Gelu", ["scale"], ["x"], domain="com.microsoft"))
    model.graph.node.append(helper.make_node("f", ["scale"], ["y"], domain="pkg.torch"))
    inner = helper.make_node("Abs", ["a"], ["b"])
    imports = [helper.make_opsetid("", 13)]
    model.functions.append(helper.make_function("pkg.torch", "f", ["a"], ["b"], [inner], imports))
    assert _check(model).side == 8


@pytest.mark.parametrize("dims", [[1 << 40], [1 << 20, 1 << 20], [-1]])
def test_check_model_with_announced_weights_that_are_not_there_is_refused(
    make_model: MakeModel, dims: list[int]
) -> None:
    model = make_model()
    model.graph.initializer[0].dims[:] = dims
    with pytest.raises(DataError, match=r"must hold all its weights.*'scale'"):
        _check(model)


def test_check_model_with_weights_elsewhere_is_refused(make_model: MakeModel) -> None:
    model = make_model()
    model.graph.initializer[0].external_data.add(key="location", value="weights.bin")
    with pytest.raises(DataError, match="the weights 'scale' in another file"):
        _check(model)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ([1, 3, 1 << 30, 1 << 30], "numbers for each photo"),
        ([1, 3, 8192, 8192], "numbers for each photo"),
        ([1, 3, 4608, 4608], "at most 4096 pixels"),
        ([1 << 20, 3, 8, 8], "at most 4096 photos"),
        ([1, 3, 8, 16], "square photos"),
        ([1, 1, 8, 8], "3 colours"),
        ([1, 3, 8], "4 dimensions"),
        ([1, 3, 0, 0], "numbers for each photo"),
    ],
)
def test_check_model_with_a_shape_that_is_no_photos_is_refused(
    make_model: MakeModel, shape: list[int], message: str
) -> None:
    model = make_model()
    model.graph.input[0].CopyFrom(
        helper.make_tensor_value_info("pixel_values", TensorProto.FLOAT, shape)
    )
    with pytest.raises(DataError, match=message):
        _check(model)


def test_check_model_of_another_number_type_is_refused(make_model: MakeModel) -> None:
    with pytest.raises(DataError, match="float32, float16 or uint8"):
        _check(make_model(dtype=TensorProto.INT64))


@pytest.mark.parametrize("name", [b"pixel_values", b"pooler_output"])
def test_check_model_with_a_name_that_is_no_text_is_refused(
    make_model: MakeModel, name: bytes
) -> None:
    content = make_model().SerializeToString().replace(name, b"\xff" + name[1:])
    with pytest.raises(DataError, match=r"names in UTF-8. Received: b'.xff"):
        check_model(content, named="m.onnx")
