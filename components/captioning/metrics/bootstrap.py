"""Bootstrap confidence intervals of scores of a test set (Efron, 1979).

All scores are computed on the same resampled test sets, each drawn from the photos with
replacement, so differences between models on the same photos are paired (Koehn, 2004, "Statistical
Significance Tests for Machine Translation Evaluation").
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sacrebleu.metrics import BLEU

#: Bootstrap resamples of the test set.
RESAMPLES = 1000

# The same seed as sacrebleu's.
_SEED = 12345
#: How test sets are resampled, in sacrebleu's notation.
SIGNATURE = f"bs:{RESAMPLES}|seed:{_SEED}"
_PERCENTILES = (2.5, 97.5)


class Interval(NamedTuple):
    """A 95 % confidence interval."""

    low: float
    high: float


def percentile_interval(resampled: NDArray[np.float64]) -> Interval:
    """Returns the 95 % percentile interval of a score.

    Args:
        resampled: float64 [RESAMPLES], the score on each resampled test set.
    """
    low, high = np.percentile(resampled, _PERCENTILES)
    return Interval(float(low), float(high))


def resample_bleu4(
    captions: Sequence[str], references: Sequence[Sequence[str]]
) -> NDArray[np.float64]:
    """Returns the BLEU-4 of each resampled test set, float64 [RESAMPLES], 0 to 100.

    Args:
        captions: The normalized captions of N photos.
        references: Each photo's normalized references, at least one.
    """
    metric = BLEU(tokenize="none", smooth_method="none", effective_order=True)
    statistics = [
        metric.sentence_score(caption, list(photo))
        for caption, photo in zip(captions, references, strict=True)
    ]
    counts = np.array([[*s.counts, *s.totals, s.sys_len, s.ref_len] for s in statistics])  # [N, 10]
    return np.array(
        [
            BLEU.compute_bleu(
                sums[:4].tolist(), sums[4:8].tolist(), int(sums[8]), int(sums[9]), "none"
            ).score
            for sums in _weights(len(statistics)) @ counts
        ]
    )


def resample_mean(values: ArrayLike) -> NDArray[np.float64]:
    """Returns the mean value of each resampled test set, float64 [RESAMPLES].

    Args:
        values: float [N], the score of each photo.
    """
    each = np.asarray(values, np.float64)
    means: NDArray[np.float64] = _weights(len(each)) @ each / len(each)
    return means


def _weights(photos: int) -> NDArray[np.int64]:
    """Returns how often each photo is drawn, int64 [RESAMPLES, N]; the same for equal N."""
    generator = np.random.default_rng(_SEED)
    return generator.multinomial(photos, np.full(photos, 1 / photos), size=RESAMPLES)
