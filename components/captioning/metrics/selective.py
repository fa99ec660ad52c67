"""Measures how well confidences identify good captions: risk-coverage curve and calibration."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

#: Bins of the expected calibration error, as in Guo et al.
BINS = 15


def at_coverage(confidences: ArrayLike, values: ArrayLike) -> NDArray[np.float64]:
    """Returns the mean value of the i most confident of N items, for i from 1 to N.

    With losses as values this is the risk-coverage curve (Geifman and El-Yaniv, 2017,
    arXiv:1705.08500): the selective risk at coverage i/N. Items with equal confidence all
    get the mean of their values, the expectation over all their orders.

    Args:
        confidences: float [N].
        values: float [N].

    Returns:
        float64 [N]; the last is the mean of all.
    """
    # `unique` sorts in ascending order: the most confident first.
    _, group = np.unique(-np.asarray(confidences, np.float64), return_inverse=True)
    sizes = np.bincount(group)
    means = np.bincount(group, np.asarray(values, np.float64)) / sizes
    expected = np.repeat(means, sizes)  # [N], most confident first
    curve: NDArray[np.float64] = np.cumsum(expected) / np.arange(1, len(expected) + 1)
    return curve


class Quality(NamedTuple):
    """How well confidences distinguish good captions from others.

    Attributes:
        aurc: Area under the risk-coverage curve with 0/1 loss, 0 to 1: the mean over all coverages
            of the share of captions that are not good (Geifman et al., 2019, arXiv:1805.08206).
            Lower is better; uninformative confidences give the share among all captions.
        ece: Expected calibration error, 0 to 1 (Guo et al., 2017, arXiv:1706.04599): the mean
            absolute difference between the confidence and the share of good captions in `BINS`
            bins of equal width, weighted by the number of captions in the bin.
    """

    aurc: float
    ece: float


def confidence_quality(confidences: ArrayLike, good: ArrayLike) -> Quality:
    """Measures confidences.

    Args:
        confidences: float [N], 0 to 1.
        good: bool [N], whether each caption is good.
    """
    given, is_good = np.asarray(confidences, np.float64), np.asarray(good, np.float64)
    # Bin m holds confidences above (m - 1) / BINS and up to m / BINS; 0 belongs to the first.
    bins = np.maximum(np.ceil(given * BINS) - 1, 0).astype(int)
    gaps = np.bincount(bins, is_good - given, BINS)  # [BINS], each sum is a gap times its size
    return Quality(
        aurc=float(at_coverage(given, 1 - is_good).mean()),
        ece=float(np.abs(gaps).sum() / len(given)),
    )
