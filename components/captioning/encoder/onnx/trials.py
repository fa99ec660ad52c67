"""Tries an ONNX model in a process of its own, whose time and memory are limited."""

import json
from pathlib import Path

from components.captioning.limited_process import LimitedProcessError, run_limited
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
        named: The model's name in error messages.

    Returns:
        The shape of each output.

    Raises:
        DataError: If it can't be done within the limits.
    """
    try:
        outcome = run_limited(
            _TRIAL,
            *call,
            memory=_OWN_MEMORY + _TIMES * len(model),
            seconds=_SECONDS + len(model) / _BYTES_A_SECOND,
            content=model,
        )
    except LimitedProcessError as error:
        cant = "can't be computed" if call else "must be an ONNX model"
        raise DataError(f"{named} {cant}: {error}") from error
    shapes: dict[str, list[int]] = json.loads(outcome)
    return shapes
