import numpy as np
import pytest

from components.captioning.metrics.selective import at_coverage, confidence_quality

CONFIDENCES = [0.9, 0.8, 0.6, 0.3, 0.1]
GOOD = [True, False, True, False, False]


def test_at_coverage_averages_the_most_confident_first() -> None:
    # In another order than theirs: 0.1, 0.9, 0.6, 0.8, 0.3.
    order = [4, 0, 2, 1, 3]
    risks = at_coverage(np.take(CONFIDENCES, order), 1 - np.take(GOOD, order))
    assert risks == pytest.approx([0, 1 / 2, 1 / 3, 2 / 4, 3 / 5])


def test_at_coverage_of_equal_confidences_is_their_mean_in_any_order() -> None:
    assert at_coverage([0.5, 0.9, 0.5], [10, 70, 30]) == pytest.approx([70, 45, 110 / 3])
    assert at_coverage([0.5, 0.5, 0.9], [30, 10, 70]) == pytest.approx([70, 45, 110 / 3])


def test_aurc_of_five_captions() -> None:
    # Risks at coverage 1/5 to 5/5, see above.
    expected = (0 + 1 / 2 + 1 / 3 + 2 / 4 + 3 / 5) / 5
    assert confidence_quality(CONFIDENCES, GOOD).aurc == pytest.approx(expected)


def test_aurc_of_confidences_that_say_nothing_is_the_share_of_bad_captions() -> None:
    assert confidence_quality([0.4] * 5, GOOD).aurc == pytest.approx(3 / 5)


def test_ece_of_five_captions_one_a_bin() -> None:
    # |1 - 0.9| + |0 - 0.8| + |1 - 0.6| + |0 - 0.3| + |0 - 0.1|
    assert confidence_quality(CONFIDENCES, GOOD).ece == pytest.approx(1.7 / 5)


def test_ece_compares_means_within_a_bin() -> None:
    # In the bin 0.733 to 0.8: good 1/2, confidence 0.77. In the bin 0 to 0.067: 0/3, 0.02.
    given, good = [0.74, 0.8, 0.0, 0.02, 0.04], [True, False, False, False, False]
    assert confidence_quality(given, good).ece == pytest.approx((2 * 0.27 + 3 * 0.02) / 5)


def test_ece_of_certainty_that_is_right_is_zero() -> None:
    assert confidence_quality([1.0, 0.0], [True, False]).ece == 0
