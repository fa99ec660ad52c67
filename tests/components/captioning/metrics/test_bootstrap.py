import numpy as np
import pytest

from components.captioning.metrics.bleu import corpus_bleu
from components.captioning.metrics.bootstrap import (
    RESAMPLES,
    percentile_interval,
    resample_bleu4,
    resample_mean,
)

REFERENCES = [["a red dog runs over the grass"], ["two men sit on a bench"]] * 30
CAPTIONS = ["a red dog runs on the grass", "two men sit on a bench"] * 30


def test_percentile_interval_of_known_numbers() -> None:
    # 1 to 1001: the percentiles 2.5 and 97.5 are 26 and 976.
    assert percentile_interval(np.arange(1, 1002)) == pytest.approx((26, 976))


def test_resample_mean_has_the_standard_error_of_the_mean() -> None:
    means = resample_mean([0.0] * 50 + [100.0] * 50)
    assert means.shape == (RESAMPLES,)
    assert means.mean() == pytest.approx(50, abs=0.5)
    assert means.std() == pytest.approx(50 / np.sqrt(100), rel=0.1)


def test_resample_bleu4_of_equal_photos_is_the_score_itself() -> None:
    scores = resample_bleu4(CAPTIONS[:1] * 12, REFERENCES[:1] * 12)
    expected = corpus_bleu(CAPTIONS[:1], REFERENCES[:1]).scores["bleu4"]
    assert scores == pytest.approx(np.full(RESAMPLES, expected))


def test_resample_bleu4_surrounds_the_score() -> None:
    low, high = percentile_interval(resample_bleu4(CAPTIONS, REFERENCES))
    assert low < corpus_bleu(CAPTIONS, REFERENCES).scores["bleu4"] < high


def test_resampled_test_sets_are_the_same_each_time() -> None:
    assert (resample_mean(range(9)) == resample_mean(range(9))).all()
