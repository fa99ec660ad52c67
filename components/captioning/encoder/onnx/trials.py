"""Tries an ONNX model in a process of its own, whose time and memory are limited."""

import json
import subprocess
import sys
from pathlib import Path

from components.errors import DataError

_TRIAL = Path(__file__).with_name("trial.py")
# Time limit: for the start, and for reading and optimizing the model.
_SECONDS, _BYTES_A_SECOND = 60.0, 5e6
# Memory limit in bytes: a constant, and a multiple of the model's size.
_OWN_MEMORY, _TIMES = 2 << 30, 4


def run_trial(model: bytes, *call: str, named: str) -> dict[str, list[int]]:
    """Parses or computes an untrusted model.

    Such a model may consist of millions of parts, demand any amount of memory and time in its
    operators, or crash onnxruntime.

    Args:
        model: The serialized model.
        call: Name, type and shape (JSON) of the input, to compute a checked model; without them, it
            is only parsed.
        named: What errors call the model.

    Returns:
        The shape of each output.

    Raises:
        DataError: If it can't be done within the limits.
    """
    cant = f"{named} can't be computed:" if call else f"{named} must be an ONNX model:"
    memory = _OWN_MEMORY + _TIMES * len(model)
    try:
        tried = subprocess.run(  # noqa: S603 # a program of ours; the model is only its input
            [sys.executable, "-P", str(_TRIAL), str(memory), *call],
            input=model,
            capture_output=True,
            check=False,
            timeout=_SECONDS + len(model) / _BYTES_A_SECOND,
        )
    except subprocess.TimeoutExpired as error:
        raise DataError(f"{cant} it has no result after {error.timeout:.0f} s") from error
    if tried.returncode:
        reason = tried.stdout.decode(errors="replace").strip()
        raise DataError(f"{cant} {reason or f'the process ended with {tried.returncode}'}")
    outcome: dict[str, list[int]] = json.loads(tried.stdout)
    return outcome
