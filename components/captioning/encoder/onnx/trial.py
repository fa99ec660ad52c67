"""Parses or computes an ONNX model in a process that may be killed; run by `trials.run_trial`.

Reads the serialized model from standard input, and writes a line of JSON to standard output, or why
the model can't be used:

    python -P trial.py MEMORY                       parses it; prints an empty object
    python -P trial.py MEMORY INPUT DTYPE SHAPE     computes it for a batch of black photos; prints
                                                    the shape of each output by name
"""

import json
import resource
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort


def parse(model: bytes) -> dict[str, list[int]]:
    """Parses a model; one of many empty parts takes many times its size in memory.

    Raises:
        Exception: Whatever protobuf raises.
    """
    onnx.ModelProto.FromString(model)
    return {}


def compute(model: bytes, name: str, dtype: str, shape: str) -> dict[str, list[int]]:
    """Computes a model, and returns the shapes of its outputs.

    Args:
        model: The serialized model.
        name: Name of its input.
        dtype: NumPy type of the input.
        shape: Shape of the input as a JSON array.

    Raises:
        Exception: Whatever onnxruntime raises.
    """
    options = ort.SessionOptions()
    options.log_severity_level = 4  # errors are raised as well
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    outputs = session.run(names, {name: np.zeros(json.loads(shape), dtype)})
    return {name: list(np.shape(output)) for name, output in zip(names, outputs, strict=True)}


def main(memory: str, *call: str) -> int:
    """Prints the outcome; returns 0 if the model can be used."""
    model = sys.stdin.buffer.read()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":  # other systems do not tell how much is in use
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limit = pages * resource.getpagesize() + int(memory)
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    try:
        outcome, code = json.dumps(compute(model, *call) if call else parse(model)), 0
    except Exception as error:  # a hostile file may cause any
        outcome, code = " ".join(str(error).split())[:500] or type(error).__name__, 1
    sys.stdout.write(f"{outcome}\n")
    return code


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
