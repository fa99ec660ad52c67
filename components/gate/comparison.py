"""Paired bootstrap test: is the difference between two models' BLEU-4 significant?"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sacrebleu.metrics import BLEU
from sacrebleu.significance import PairedTest, Result

#: Bootstrap resamples of the test set.
RESAMPLES = 1000
#: With fewer photos, resamples are too much alike for a test: the p-value is 1.
MIN_PHOTOS = 10

# The same seed as sacrebleu's.
_SEED = 12345
_INTERVAL = (2.5, 97.5)


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
    differences = _resampled_bleu4(challenger, references) - _resampled_bleu4(champion, references)
    low, high = np.percentile(differences, _INTERVAL)
    # sacrebleu counts the resamples with a larger difference: for equal scores that is none of
    # them, so its p-value would be near 0.
    testable = result.score != baseline.score and len(references) >= MIN_PHOTOS
    return Comparison(
        bleu4=float(result.score),
        champion_bleu4=float(baseline.score),
        low=float(low),
        high=float(high),
        p_value=float(result.p_value or 0.0) if testable else 1.0,
        signature=str(signatures["BLEU"]),
    )


def _resampled_bleu4(captions: Sequence[str], references: Sequence[Sequence[str]]) -> NDArray[Any]:
    """Returns the BLEU-4 of each resampled test set, float64 [RESAMPLES].

    The resamples are the same for all models with equally many photos.
    """
    metric = BLEU(tokenize="none", smooth_method="none", effective_order=True)
    statistics = [
        metric.sentence_score(caption, list(photo))
        for caption, photo in zip(captions, references, strict=True)
    ]
    counts = np.array([[*s.counts, *s.totals, s.sys_len, s.ref_len] for s in statistics])  # [N, 10]
    generator = np.random.default_rng(_SEED)
    probabilities = np.full(len(statistics), 1 / len(statistics))
    weights = generator.multinomial(
        len(statistics), probabilities, size=RESAMPLES
    )  # [RESAMPLES, N]
    return np.array(
        [
            BLEU.compute_bleu(
                sums[:4].tolist(), sums[4:8].tolist(), int(sums[8]), int(sums[9]), "none"
            ).score
            for sums in weights @ counts
        ]
    )
