"""Loads and computes an ONNX model in a process that may be ended; run by `session.try_model`.

The serialized model comes on standard input. Standard output gets a line: the shape of each output
for one batch of black photos, by name, in JSON; or why the model can't be computed.
"""

import json
import resource
import sys
from pathlib import Path

import numpy as np
import onnxruntime as ort


def shapes_of_outputs(
    model: bytes, name: str, dtype: str, shape: list[int]
) -> dict[str, list[int]]:
    """Computes a model.

    Raises:
        Exception: Whatever onnxruntime raises.
    """
    options = ort.SessionOptions()
    options.log_severity_level = 4  # errors are raised as well
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    outputs = session.run(names, {name: np.zeros(shape, dtype)})
    return {name: list(np.shape(output)) for name, output in zip(names, outputs, strict=True)}


def main(name: str, dtype: str, shape: str, memory: str) -> int:
    """Prints the outcome; returns 0 if the model can be computed."""
    model = sys.stdin.buffer.read()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":  # elsewhere it isn't known how much is in use
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limit = pages * resource.getpagesize() + int(memory)
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    try:
        shapes = shapes_of_outputs(model, name, dtype, json.loads(shape))
        outcome, code = json.dumps(shapes), 0
    except Exception as error:  # of a hostile file it may be any
        outcome, code = " ".join(str(error).split())[:500] or type(error).__name__, 1
    sys.stdout.write(f"{outcome}\n")
    return code


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
