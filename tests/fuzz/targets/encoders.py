"""Encoders from ONNX: the model, and its preprocessing."""

from pathlib import Path
from random import Random

import numpy as np
from mutations import mutate, mutate_json
from PIL import Image

from targets.target import Target

# Of each case, the first byte says which of the two files it is.
_MODEL, _CONFIG = 0, 1


def encoders() -> Target:
    """ONNX models up to the checks before onnxruntime sees them, and image processors."""
    from onnx import TensorProto, helper, numpy_helper

    from components.captioning.encoder.onnx.graph import check_model
    from components.captioning.encoder.onnx.preprocessor_config import read_image_processor

    photos = helper.make_tensor_value_info("photos", TensorProto.FLOAT, ["batch", 3, 8, 8])
    pooled = helper.make_tensor_value_info("pooler_output", TensorProto.FLOAT, ["batch", 3])
    weights = [numpy_helper.from_array(np.ones((3, 1, 1), np.float32), "scale")]
    branch = helper.make_graph([helper.make_node("Abs", ["scale"], ["a"])], "branch", [], [])
    nodes = [
        helper.make_node("Mul", ["photos", "scale"], ["scaled"]),
        helper.make_node("If", ["yes"], ["b"], then_branch=branch, else_branch=branch),
        helper.make_node("ReduceMean", ["scaled"], ["pooler_output"], axes=[2, 3], keepdims=0),
    ]
    model = helper.make_model(helper.make_graph(nodes, "g", [photos], [pooled], weights))
    seeds = [model.SerializeToString()]
    config = {
        "image_processor_type": "CLIPImageProcessor", "size": {"shortest_edge": 9}, "resample": 3,
        "crop_size": {"height": 8, "width": 8}, "image_mean": [0.5, 0.5, 0.5], "image_std": 0.5,
        "rescale_factor": 0.00392, "do_normalize": True, "crop_pct": None,
    }  # fmt: skip

    def make(draw: Random) -> bytes:
        if draw.random() < 0.5:
            return bytes([_MODEL]) + mutate(seeds[0], seeds, draw)
        return bytes([_CONFIG]) + mutate_json(config, draw)

    def read(file: Path) -> None:
        content = file.read_bytes()
        if content[0] == _MODEL:
            check_model(content[1:], named="model.onnx")
            return
        file.with_name("preprocessor_config.json").write_bytes(content[1:])
        processor = read_image_processor(file.parent)
        pixels = processor.resize_and_crop(Image.new("RGB", (20, 10)))
        assert pixels.shape == (processor.side, processor.side, 3)

    return Target(make, read)
