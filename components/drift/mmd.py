"""A two-sample test with the maximum mean discrepancy (MMD) and an RBF kernel.

Gretton, Borgwardt, Rasch, Schölkopf and Smola (2012), "A Kernel Two-Sample Test", JMLR 13.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import pdist, squareform
from scipy.stats import permutation_test

#: Permutations; the smallest possible p-value is 1 / (PERMUTATIONS + 1).
PERMUTATIONS = 1999
#: Rows drawn from each sample: the cost of the test grows with their square.
LARGEST_SAMPLE = 500
# Permutations computed at once, which bounds the memory.
_BATCH = 200


class TwoSampleTest(NamedTuple):
    """The result of a test.

    Attributes:
        mmd2: The unbiased estimate of the squared MMD; near 0, possibly below, if both samples have
            the same distribution.
        p_value: Probability of at least this value if both samples have the same distribution.
    """

    mmd2: float
    p_value: float


def mmd_test(one: NDArray[Any], other: NDArray[Any], *, seed: int) -> TwoSampleTest:
    """Tests whether two samples come from the same distribution.

    1. At most 500 rows of each sample are drawn.
    2. The bandwidth of the kernel is the median distance between all drawn rows.
    3. The squared MMD is compared with that of random permutations of all drawn rows.

    Args:
        one: float [M, D], at least two rows.
        other: float [N, D], at least two rows.
        seed: Seed of the drawn rows and of the permutations.
    """
    generator = np.random.default_rng(seed)
    drawn = [_draw(sample, generator) for sample in (one, other)]
    kernel = rbf_kernel(np.concatenate(drawn))  # [M + N, M + N]
    first, size = len(drawn[0]), len(kernel)

    def statistic(
        rows: NDArray[np.int64], others: NDArray[np.int64], axis: int = -1
    ) -> NDArray[np.float64]:
        # `others` are all rows that are not in `rows`.
        del others
        return _mmd2(kernel, np.moveaxis(rows, axis, -1))

    found = permutation_test(
        (np.arange(first), np.arange(first, size)),
        statistic,
        vectorized=True,
        alternative="greater",
        n_resamples=PERMUTATIONS,
        batch=_BATCH,
        rng=generator,
    )
    return TwoSampleTest(float(found.statistic), float(found.pvalue))


def rbf_kernel(samples: NDArray[Any]) -> NDArray[np.float64]:
    """Returns exp(-|a - b|² / 2 s²) for all pairs of rows, with zeros on the diagonal, [N, N].

    s is the median of all nonzero distances (the median heuristic). The unbiased MMD does not use
    the diagonal.

    Args:
        samples: float [N, D].
    """
    distances = pdist(samples.astype(np.float64))  # [N * (N - 1) / 2]
    positive = distances[distances > 0]
    bandwidth = np.median(positive) if len(positive) else 1.0
    kernel: NDArray[np.float64] = squareform(np.exp(-0.5 * (distances / bandwidth) ** 2))
    return kernel


def _mmd2(kernel: NDArray[np.float64], rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """Returns the unbiased squared MMD (equation 3 of the paper) of some rows and all others.

    Args:
        kernel: float [N, N], with zeros on the diagonal.
        rows: int [..., M], the rows that form the first sample.
    """
    total, first = len(kernel), rows.shape[-1]
    second = total - first
    member = np.zeros((*rows.shape[:-1], total))  # [..., N], 1 for rows of the first sample
    np.put_along_axis(member, rows, 1.0, axis=-1)
    to_first = member @ kernel  # [..., N], each row's sum of similarities to the first sample
    within_first = (to_first * member).sum(axis=-1)
    between = (to_first * (1 - member)).sum(axis=-1)
    within_second = kernel.sum() - within_first - 2 * between
    estimate: NDArray[np.float64] = (
        within_first / (first * (first - 1))
        + within_second / (second * (second - 1))
        - 2 * between / (first * second)
    )
    return estimate


def _draw(sample: NDArray[Any], generator: np.random.Generator) -> NDArray[Any]:
    if len(sample) <= LARGEST_SAMPLE:
        return sample
    return sample[generator.choice(len(sample), LARGEST_SAMPLE, replace=False)]
