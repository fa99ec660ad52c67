"""Computes an ONNX model with onnxruntime."""

import json
import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from components.captioning.encoder.onnx.graph import OnnxGraph
from components.captioning.encoder.onnx.trials import run_trial
from components.errors import DataError

logger = logging.getLogger(__name__)

_CUDA = "CUDAExecutionProvider"
_CPU = "CPUExecutionProvider"


def input_shape(graph: OnnxGraph, side: int, photos: int) -> tuple[int, int, int, int]:
    """Returns the shape of the input for a number of photos of side x side pixels."""
    return (photos, 3, side, side) if graph.layout == "NCHW" else (photos, side, side, 3)


def try_model(
    model: bytes, graph: OnnxGraph, side: int, *, named: str
) -> dict[str, tuple[int, ...]]:
    """Computes a checked model in a process of its own, whose time and memory are limited.

    A model may demand any amount of memory and time in its operators, or crash onnxruntime.

    Args:
        model: The serialized model.
        graph: Its input and outputs.
        side: Height and width of the photos.
        named: The model's name in error messages.

    Returns:
        The shape of each output for one batch of the smallest size.

    Raises:
        DataError: If it can't be computed within the limits.
    """
    shape = input_shape(graph, side, graph.batch or 1)
    call = (graph.input, np.dtype(graph.dtype).name, json.dumps(shape))
    return {name: tuple(found) for name, found in run_trial(model, *call, named=named).items()}


def open_session(model: bytes, *, named: str) -> ort.InferenceSession:
    """Loads a checked and tried model, on a GPU if this onnxruntime can use one.

    Raises:
        DataError: If it can't be loaded.
    """
    options = ort.SessionOptions()
    options.log_severity_level = 3
    # Threads that spin while they wait would slow down those that decode photos.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    providers: list[str | tuple[str, dict[str, str]]] = [_CPU]
    if _CUDA in ort.get_available_providers():
        # TensorFloat-32 has 10 bits of precision; features are float32, as on a CPU.
        providers.insert(0, (_CUDA, {"use_tf32": "0"}))
    try:
        session = ort.InferenceSession(model, options, providers=providers)
    except Exception as error:  # onnxruntime's errors have no common base
        raise DataError(f"{named} can't be loaded by onnxruntime: {error}") from error
    used = session.get_providers()
    if len(used) < len(providers):
        logger.warning("onnxruntime can't use the GPU here, and computes on the CPU")
    logger.info("onnxruntime %s computes with %s", ort.__version__, used[0])
    return session


def compute(
    session: ort.InferenceSession, outputs: Sequence[str], inputs: Mapping[str, NDArray[Any]]
) -> list[NDArray[Any]]:
    """Computes outputs of a model for a batch.

    Args:
        session: Obtained from `open_session`.
        outputs: Names of the wanted outputs.
        inputs: The input by its name.

    Raises:
        DataError: If onnxruntime can't compute them.
    """
    try:
        computed: list[NDArray[Any]] = session.run(outputs, inputs)
    except Exception as error:  # onnxruntime's errors have no common base
        photos = len(next(iter(inputs.values())))
        raise DataError(
            f"The ONNX model can't be computed for {photos} photos at once: export it with a "
            f"dynamic batch size. onnxruntime says: {error}"
        ) from error
    return computed
