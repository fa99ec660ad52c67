"""Casting features to float16, the dtype in which examples store them."""

import numpy as np
from numpy.typing import NDArray


def cast_to_float16(features: NDArray[np.float32]) -> tuple[NDArray[np.float16], NDArray[np.bool_]]:
    """Casts features to float16.

    Args:
        features: float32 [B, ...].

    Returns:
        float16 [B, ...]; and for each photo, bool [B], whether its features are finite in float16:
        neither NaN nor beyond float16's maximum of 65504.
    """
    with np.errstate(over="ignore"):
        cast = features.astype(np.float16)
    finite = np.isfinite(cast).reshape(len(cast), -1).all(axis=1)  # [B, ...] -> [B, N] -> [B]
    return cast, np.asarray(finite)
