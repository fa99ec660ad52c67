"""Paired bootstrap test: is the difference between two models' scores significant?"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from components.captioning.metrics.bleu import corpus_bleu
from components.captioning.metrics.bootstrap import (
    RESAMPLES,
    percentile_interval,
    resample_bleu4,
    resample_mean,
)
from components.captioning.metrics.coco import photo_cider_d

#: With fewer photos, resamples are too much alike for a test: the p-value is 1.
MIN_PHOTOS = 10


@dataclass(frozen=True, slots=True)
class JointScore:
    """The two scores that models are compared by.

    They reward different things: BLEU-4 short and safe captions, CIDEr-D specific ones. So neither
    decides alone.

    Attributes:
        bleu4: 0 to 100.
        cider_d: Times 100, 0 to 1000.
    """

    bleu4: float
    cider_d: float

    @property
    def total(self) -> float:
        """BLEU-4 + CIDEr-D."""
        return self.bleu4 + self.cider_d


@dataclass(frozen=True, slots=True)
class Comparison:
    """Scores of a challenger and of the champion on the same photos and references.

    Attributes:
        challenger: The challenger's scores.
        champion: The champion's scores.
        low: Lower bound of the 95 % confidence interval of the difference between the sums of both
            scores; above 0 if the challenger is better.
        high: Upper bound of that interval.
        p_value: Probability of a difference at least this large by chance, 0 to 1; 1 with fewer
            than `MIN_PHOTOS` photos.
    """

    challenger: JointScore
    champion: JointScore
    low: float
    high: float
    p_value: float

    @property
    def difference(self) -> float:
        """The challenger's BLEU-4 + CIDEr-D minus the champion's."""
        return self.challenger.total - self.champion.total


def compare(
    challenger: Sequence[str], champion: Sequence[str], references: Sequence[Sequence[str]]
) -> Comparison:
    """Compares two models' captions by the sum of BLEU-4 and CIDEr-D, with a paired bootstrap test.

    Both models are scored on the same 1,000 test sets, each drawn from the photos with replacement
    (Koehn, 2004, "Statistical Significance Tests for Machine Translation Evaluation"). CIDEr-D is
    resampled by photo, with the document frequencies of the whole test set. The p-value is the
    share of resampled differences that are farther from their mean than the difference is from 0,
    as in sacrebleu (Riezler and Maxwell, 2005, "On Some Pitfalls in Automatic Evaluation and
    Significance Testing for MT").

    Args:
        challenger: The challenger's normalised captions, one per photo.
        champion: The champion's normalised captions of the same photos.
        references: Each photo's normalised references.

    Returns:
        All scores, with the confidence interval and p-value of the difference of the sums.
    """
    ours, our_resamples = _measure(challenger, references)
    theirs, their_resamples = _measure(champion, references)
    resampled = our_resamples - their_resamples
    interval = percentile_interval(resampled)
    difference = ours.total - theirs.total
    farther = int((np.abs(resampled - resampled.mean()) > abs(difference)).sum())
    # For equal scores, possibly no resampled difference is farther, and the p-value would be near
    # 0.
    testable = difference != 0 and len(references) >= MIN_PHOTOS
    p_value = (farther + 1) / (RESAMPLES + 1) if testable else 1.0
    return Comparison(ours, theirs, interval.low, interval.high, p_value)


def _measure(
    captions: Sequence[str], references: Sequence[Sequence[str]]
) -> tuple[JointScore, NDArray[np.float64]]:
    """Returns the scores, and their sum on each resampled test set, float64 [RESAMPLES]."""
    by_photo = photo_cider_d(captions, references)
    bleu4 = corpus_bleu(captions, references).scores["bleu4"]
    resampled = resample_bleu4(captions, references) + resample_mean(by_photo)
    return JointScore(bleu4, float(by_photo.mean())), resampled
