"""Chooses the output of an ONNX model that is the feature; averages its tokens or cells."""

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from components.captioning.encoder.onnx.graph import MAX_NUMBERS, Layout
from components.errors import DataError, SettingError

Shapes = Mapping[str, tuple[int, ...]]

_PREFERRED = ("image_embeds", "pooler_output", "last_hidden_state")
# Class scores describe a photo less well than the layer below them.
_CLASSES = "logits"


def choose_output(shapes: Shapes, wanted: str, *, photos: int, named: str) -> str:
    """Returns the name of the output whose mean is the feature of a photo.

    Args:
        shapes: The shape of each output for a batch.
        wanted: The name that the user gave; empty: the first existing one of `image_embeds`,
            `pooler_output` and `last_hidden_state`, or the only output.
        photos: Photos in the batch.
        named: The model's name in error messages.

    Raises:
        SettingError: If there is no output of the name that the user gave.
        DataError: If no output can be chosen, or its shape is not that of a feature.
    """
    names = ", ".join(shapes)[:300]
    if wanted and wanted not in shapes:
        raise SettingError(
            f"encoder_output must be an output of {named}: {names}. Received: {wanted!r}"
        )
    usual = [name for name in _PREFERRED if name in shapes]
    only = [name for name in shapes if len(shapes) == 1 and name != _CLASSES]
    chosen = [wanted] if wanted else usual or only
    if not chosen:
        raise DataError(
            f"{named} must have the output {' or '.join(_PREFERRED)}, or only one output. "
            f"Received: {names}. Export it for feature extraction, or name an output with "
            "--encoder-output"
        )
    shape = shapes[chosen[0]]
    if not 2 <= len(shape) <= 4 or shape[0] != photos or not 0 < math.prod(shape) <= MAX_NUMBERS:
        raise DataError(
            f"The output {chosen[0]} of {named} must have 2 to 4 dimensions, the first of "
            f"{photos}, for the photos. Received: the shape {list(shape)}"
        )
    return chosen[0]


def mean_over_cells(output: NDArray[np.float32], layout: Layout) -> NDArray[np.float32]:
    """Returns features, float32 [B, D]: the mean over the tokens or cells of an output.

    Args:
        output: float32 [B, D], [B, tokens, D], or a map [B, D, H, W] or [B, H, W, D].
        layout: Whether maps have channels first or last, if their shape is ambiguous.
    """
    if output.ndim == 4:
        return channels_last(output, layout).mean(axis=(1, 2), dtype=np.float32)
    return output.mean(axis=1, dtype=np.float32) if output.ndim == 3 else output


def feature_map(output: NDArray[np.float32], layout: Layout) -> NDArray[np.float32] | None:
    """Returns the cells of an output by their position, float32 [B, H, W, D], or None.

    Tokens have positions if their number is a square: a transformer without a class token has one
    for each patch, row by row.
    """
    if output.ndim == 4:
        return channels_last(output, layout)
    side = math.isqrt(output.shape[1]) if output.ndim == 3 else 0
    if side < 2 or side**2 != output.shape[1]:
        return None
    return output.reshape(len(output), side, side, -1)  # [B, H * W, D] -> [B, H, W, D]


def channels_last(output: NDArray[np.float32], layout: Layout) -> NDArray[np.float32]:
    """Returns a map [B, D, H, W] or [B, H, W, D] as [B, H, W, D]."""
    _, first, second, third = output.shape
    if first != second == third:
        layout = "NCHW"
    elif first == second != third:
        layout = "NHWC"
    return output.transpose(0, 2, 3, 1) if layout == "NCHW" else output
