"""Features as records and segments hold them: float16."""

import numpy as np
from numpy.typing import NDArray


def cast_to_float16(features: NDArray[np.float32]) -> tuple[NDArray[np.float16], NDArray[np.bool_]]:
    """Narrows features.

    Args:
        features: float32 [B, ...], an encoder's.

    Returns:
        float16 [B, ...]; and of each photo, bool [B], whether all its numbers are numbers still:
        neither NaN, nor beyond the 65504 that float16 reaches.
    """
    with np.errstate(over="ignore"):
        narrow = features.astype(np.float16)
    fit = np.isfinite(narrow).reshape(len(narrow), -1).all(axis=1)  # [B, ...] -> [B, N] -> [B]
    return narrow, np.asarray(fit)
