"""Paired bootstrap test: is the difference between two models' BLEU-4 significant?"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

from sacrebleu.metrics import BLEU
from sacrebleu.significance import PairedTest, Result

from components.captioning.metrics.bootstrap import (
    RESAMPLES,
    percentile_interval,
    resample_bleu4,
)

#: With fewer photos, resamples are too much alike for a test: the p-value is 1.
MIN_PHOTOS = 10


@dataclass(frozen=True, slots=True)
class Comparison:
    """BLEU-4 of a challenger and of the champion on the same photos and references.

    Attributes:
        bleu4: The challenger's BLEU-4, 0 to 100.
        champion_bleu4: The champion's BLEU-4, 0 to 100.
        low: Lower bound of the difference's 95 % confidence interval, in BLEU points; above 0 if
            the challenger is better.
        high: Upper bound of that interval.
        p_value: Probability of a difference at least this large by chance, 0 to 1; 1 with fewer
            than `MIN_PHOTOS` photos.
        signature: sacrebleu's signature: how BLEU and the test were computed.
    """

    bleu4: float
    champion_bleu4: float
    low: float
    high: float
    p_value: float
    signature: str

    @property
    def difference(self) -> float:
        """The challenger's BLEU-4 minus the champion's."""
        return self.bleu4 - self.champion_bleu4


def compare(
    challenger: Sequence[str], champion: Sequence[str], references: Sequence[Sequence[str]]
) -> Comparison:
    """Compares two models' captions with sacrebleu's paired bootstrap test.

    Both models are scored on the same 1,000 test sets, each drawn from the photos with replacement
    and with sacrebleu's fixed seed (Koehn, 2004, "Statistical Significance Tests for Machine
    Translation Evaluation"). The p-value is sacrebleu's; it does not compute a confidence interval
    of the difference, so that is computed here by the same method.

    Args:
        challenger: The challenger's normalised captions, one per photo.
        champion: The champion's normalised captions of the same photos.
        references: Each photo's normalised references.

    Returns:
        Both scores, with the confidence interval and p-value of their difference.
    """
    # [photos][references] -> [references][photos], None where a photo has fewer
    streams = [list(stream) for stream in zip_longest(*references)]
    test = PairedTest(
        [("champion", list(champion)), ("challenger", list(challenger))],
        {"BLEU": BLEU(tokenize="none", smooth_method="none")},
        streams,
        test_type="bs",
        n_samples=RESAMPLES,
    )
    signatures, scores = test()
    baseline, result = scores["BLEU"]
    if not isinstance(baseline, Result) or not isinstance(result, Result):
        raise TypeError(f"sacrebleu must return results. Received: {scores}")
    interval = percentile_interval(
        resample_bleu4(challenger, references) - resample_bleu4(champion, references)
    )
    # sacrebleu counts the resamples with a larger difference: for equal scores that is none of
    # them, so its p-value would be near 0.
    testable = result.score != baseline.score and len(references) >= MIN_PHOTOS
    return Comparison(
        bleu4=float(result.score),
        champion_bleu4=float(baseline.score),
        low=interval.low,
        high=interval.high,
        p_value=float(result.p_value or 0.0) if testable else 1.0,
        signature=str(signatures["BLEU"]),
    )
