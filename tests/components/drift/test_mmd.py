import math

import numpy as np
import pytest

from components.drift import mmd
from components.drift.mmd import mmd_test, rbf_kernel


def test_rbf_kernel_uses_the_median_of_the_distances_that_are_not_zero() -> None:
    # Distances: 0 (the first two are equal), and 1, 1, 3, 3, 2; their median is 2.
    kernel = rbf_kernel(np.array([[0.0], [0.0], [1.0], [3.0]]))
    near, middle, far = (math.exp(-0.5 * (d / 2) ** 2) for d in (1, 2, 3))
    assert kernel == pytest.approx(
        np.array(
            [[0, 1, near, far], [1, 0, near, far], [near, near, 0, middle], [far, far, middle, 0]]
        )
    )


def test_rbf_kernel_of_equal_rows_is_one_outside_the_diagonal() -> None:
    assert rbf_kernel(np.ones((2, 3))).tolist() == [[0, 1], [1, 0]]


def test_mmd_test_of_tiny_samples_is_the_formula_and_counts_all_divisions() -> None:
    # Distances 1, 4, 5, 3, 4, 1: the median is 3.5.
    k1, k3, k4, k5 = (math.exp(-0.5 * (d / 3.5) ** 2) for d in (1, 3, 4, 5))
    # Equation 3 of Gretton et al.: 2 k(x, x') / 2 + 2 k(y, y') / 2 - 2 (sum of k(x, y)) / 4.
    expected = k1 + k1 - (k4 + k5 + k3 + k4) / 2
    found = mmd_test(np.array([[0.0], [1.0]]), np.array([[4.0], [5.0]]), seed=1)
    assert found.mmd2 == pytest.approx(expected)
    # Of the 6 divisions into two and two, this one and its mirror image are the most extreme.
    assert found.p_value == pytest.approx(2 / 6)


def test_mmd_test_rarely_flags_samples_of_one_distribution() -> None:
    generator = np.random.default_rng(5)
    p_values = [
        mmd_test(
            generator.normal(size=(40, 8)).astype(np.float16),
            generator.normal(size=(30, 8)).astype(np.float16),
            seed=seed,
        ).p_value
        for seed in range(40)
    ]
    # Uniform: 10 % are below 0.1; 10 or more of 40 would come once in 200 times.
    assert 0 < sum(p < 0.1 for p in p_values) < 10
    assert min(p_values) > 0.001


@pytest.mark.parametrize("change", ["mean", "variance"])
def test_mmd_test_flags_another_mean_or_variance(change: str) -> None:
    generator = np.random.default_rng(5)
    one, other = generator.normal(size=(2, 100, 8))
    other = other + 0.7 if change == "mean" else other * 2
    found = mmd_test(one, other, seed=1)
    assert found.mmd2 > 0
    assert found.p_value == 1 / (mmd.PERMUTATIONS + 1)


def test_mmd_test_of_large_samples_draws_some_rows_by_its_seed() -> None:
    one, other = np.random.default_rng(5).normal(size=(2, 2000, 4))
    assert mmd_test(one, other, seed=1) == mmd_test(one, other, seed=1)
    assert mmd_test(one, other, seed=1) != mmd_test(one, other, seed=2)
