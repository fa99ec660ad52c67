"""Parses or computes an ONNX model in a process that may be killed; run by `trials.run_trial`."""

import json

import numpy as np
import onnx
import onnxruntime as ort


def run(model: bytes, *call: str) -> str:
    """Parses a model, or computes it for a batch of black photos.

    Args:
        model: The serialized model. Parsing a model of many empty parts takes many times its size
            in memory.
        call: Name, NumPy type and shape (JSON) of the input; without them, the model is only
            parsed.

    Returns:
        JSON: the shape of each output by its name; empty if the model is only parsed.

    Raises:
        Exception: Whatever protobuf or onnxruntime raises.
    """
    if not call:
        onnx.ModelProto.FromString(model)
    return json.dumps(_compute(model, *call) if call else {})


def _compute(model: bytes, name: str, dtype: str, shape: str) -> dict[str, list[int]]:
    options = ort.SessionOptions()
    options.log_severity_level = 4  # errors are raised as well
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    outputs = session.run(names, {name: np.zeros(json.loads(shape), dtype)})
    return {name: list(np.shape(output)) for name, output in zip(names, outputs, strict=True)}
