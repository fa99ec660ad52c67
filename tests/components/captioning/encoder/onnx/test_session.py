import logging
import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

from components.captioning.encoder.onnx import trials
from components.captioning.encoder.onnx.graph import check_model
from components.captioning.encoder.onnx.session import compute, open_session, try_model
from components.errors import DataError

MakeModel = Callable[..., onnx.ModelProto]
PROJECT = Path(__file__).parents[5]


def _try(model: onnx.ModelProto) -> dict[str, tuple[int, ...]]:
    content = model.SerializeToString()
    return try_model(content, check_model(content, named="m.onnx"), 8, named="m.onnx")


def test_try_model_returns_the_shapes_of_the_outputs(make_model: MakeModel) -> None:
    shapes = _try(make_model(("last_hidden_state", "map"), batch=2))
    assert shapes == {"last_hidden_state": (2, 4, 3), "map": (2, 3, 2, 2)}


def test_try_model_that_takes_all_memory_is_stopped(make_model: MakeModel) -> None:
    # A few bytes that ask for a terabyte: no announced size of an input, output or weight.
    model = make_model()
    huge = numpy_helper.from_array(np.array([1 << 19, 1 << 19], np.int64), "huge")
    model.graph.initializer.append(huge)
    model.graph.node.append(helper.make_node("ConstantOfShape", ["huge"], ["zeros"]))
    model.graph.node.append(helper.make_node("ReduceSum", ["zeros"], ["sum"]))
    model.graph.output.append(helper.make_tensor_value_info("sum", TensorProto.FLOAT, None))
    with pytest.raises(DataError, match=r"m.onnx can't be computed: .*(alloc|memory)"):
        _try(model)


def test_try_model_that_never_ends_is_stopped(
    make_model: MakeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = make_model()
    scalar = partial(helper.make_tensor_value_info, shape=[])
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["go"], ["go_on"]),
            helper.make_node("Identity", ["value"], ["same"]),
        ],
        "body",
        [
            scalar("step", TensorProto.INT64),
            scalar("go", TensorProto.BOOL),
            scalar("value", TensorProto.BOOL),
        ],
        [scalar("go_on", TensorProto.BOOL), scalar("same", TensorProto.BOOL)],
    )
    model.graph.initializer.append(numpy_helper.from_array(np.array(True), "yes"))
    model.graph.node.append(helper.make_node("Loop", ["", "yes", "yes"], ["end"], body=body))
    model.graph.output.append(scalar("end", TensorProto.BOOL))
    monkeypatch.setattr(trials, "_SECONDS", 5.0)
    with pytest.raises(DataError, match="it has no result after 5 s"):
        _try(model)


def test_try_model_with_operators_that_do_not_exist_is_an_error(make_model: MakeModel) -> None:
    model = make_model()
    model.graph.node.append(helper.make_node("NoOperator", ["scale"], ["x"]))
    with pytest.raises(DataError, match=r"m.onnx can't be computed: .*NoOperator"):
        _try(model)


def test_open_session_computes_on_the_cpu_and_says_so(
    make_model: MakeModel, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        session = open_session(make_model().SerializeToString(), named="m.onnx")
    # What is used, not what was asked for.
    assert f"computes with {session.get_providers()[0]}" in caplog.text
    photos = np.ones((1, 3, 8, 8), np.float32)
    (features,) = compute(session, ["pooler_output"], {"pixel_values": photos})
    assert features.tolist() == [[1, 2, 4]]


def test_open_session_asks_for_a_gpu_that_onnxruntime_has_and_warns_without_one(
    make_model: MakeModel, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    cuda, cpu = "CUDAExecutionProvider", "CPUExecutionProvider"
    real = ort.InferenceSession

    def session(model: bytes, options: Any, providers: list[Any]) -> ort.InferenceSession:
        asked.append(providers)
        return real(model, options, providers=[cpu])

    monkeypatch.setattr(ort, "get_available_providers", lambda: [cuda, cpu])
    monkeypatch.setattr(ort, "InferenceSession", session)
    open_session(make_model().SerializeToString(), named="m.onnx")
    assert asked == [[(cuda, {"use_tf32": "0"}), cpu]]
    assert "can't use the GPU here" in caplog.text


def test_compute_of_a_batch_that_the_model_does_not_take_is_an_error(
    make_model: MakeModel,
) -> None:
    session = open_session(make_model(batch=2).SerializeToString(), named="m.onnx")
    with pytest.raises(DataError, match=r"for 5 photos at once: .*dynamic batch size"):
        compute(session, ["pooler_output"], {"pixel_values": np.ones((5, 3, 8, 8), np.float32)})


def test_onnxruntime_reports_nothing(tmp_path: Path) -> None:
    without = {name: text for name, text in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    subprocess.run(
        [sys.executable, "-c", "import components.captioning.encoder.onnx.session"],
        check=True, cwd=PROJECT, env={**without, "TMPDIR": str(tmp_path)},
    )  # fmt: skip
    # It would identify this machine by a file.
    assert not list(tmp_path.iterdir())
