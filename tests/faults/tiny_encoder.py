"""An encoder that takes no time: one convolution, as an ONNX model of Hugging Face's layout."""

import json
from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper

_STRIDE = 16


def write_encoder(folder: Path, *, side: int = 64, width: int = 32) -> Path:
    """Writes the encoder, unless it exists; always with the same weights.

    Args:
        folder: Where it is written.
        side: Width and height of its photos, in pixels.
        width: Features per photo.

    Returns:
        The folder.
    """
    if (folder / "preprocessor_config.json").exists():
        return folder
    kernel = np.random.default_rng(1).normal(size=(width, 3, _STRIDE, _STRIDE)) / _STRIDE
    graph = helper.make_graph(
        [
            helper.make_node("Conv", ["pixel_values", "kernel"], ["map"], strides=[_STRIDE] * 2),
            helper.make_node("Relu", ["map"], ["positive"]),
            helper.make_node(
                "ReduceMean", ["positive"], ["pooler_output"], axes=[2, 3], keepdims=0
            ),
        ],
        "tiny",
        [helper.make_tensor_value_info("pixel_values", TensorProto.FLOAT, ["b", 3, side, side])],
        [helper.make_tensor_value_info("pooler_output", TensorProto.FLOAT, ["b", width])],
        [numpy_helper.from_array(kernel.astype(np.float32), "kernel")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    config = {"size": side, "resample": 2, "do_normalize": False}
    (folder / "preprocessor_config.json").write_text(json.dumps(config))
    return folder
