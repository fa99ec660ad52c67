"""Two models' captions of the same photos, compared: is a difference more than chance?"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sacrebleu.metrics import BLEU
from sacrebleu.significance import PairedTest, Result

#: Resamples of the test set.
SAMPLES = 1000
#: Fewer photos tell nothing: all samples of them are too much alike.
FEWEST = 10

# sacrebleu's own, too.
_SEED = 12345
_INTERVAL = (2.5, 97.5)


@dataclass(frozen=True, slots=True)
class Comparison:
    """BLEU-4 of a challenger and of the champion, over the same photos and references.

    Attributes:
        bleu4: The challenger's, 0 to 100.
        champion_bleu4: The champion's.
        low: Lower end of the difference's 95 % interval, in points; above 0 it is the challenger's.
        high: Its upper end.
        p_value: How often as large a difference comes by chance, 0 to 1; 1 if the photos are too
            few to tell.
        signature: How BLEU and the test were computed, sacrebleu's.
    """

    bleu4: float
    champion_bleu4: float
    low: float
    high: float
    p_value: float
    signature: str

    @property
    def difference(self) -> float:
        """The challenger's BLEU-4 less the champion's."""
        return self.bleu4 - self.champion_bleu4


def compare(
    challenger: Sequence[str], champion: Sequence[str], references: Sequence[Sequence[str]]
) -> Comparison:
    """Compares captions by sacrebleu's paired bootstrap.

    Both are scored on the same 1,000 test sets, each drawn from the photos with replacement, by
    sacrebleu's fixed seed (Koehn, 2004, "Statistical Significance Tests for Machine Translation
    Evaluation"). sacrebleu tells the p-value; the interval of the difference, which it does not
    tell, is taken in the same way.

    Args:
        challenger: One normalised caption a photo.
        champion: Of the same photos.
        references: Of each photo, its normalised references.
    """
    # [photos][references] -> [references][photos], None where a photo has fewer
    streams = [list(stream) for stream in zip_longest(*references)]
    test = PairedTest(
        [("champion", list(champion)), ("challenger", list(challenger))],
        {"BLEU": BLEU(tokenize="none", smooth_method="none")},
        streams,
        test_type="bs",
        n_samples=SAMPLES,
    )
    signatures, scores = test()
    theirs, ours = scores["BLEU"]
    if not isinstance(theirs, Result) or not isinstance(ours, Result):
        raise TypeError(f"sacrebleu must return results. Received: {scores}")
    differences = _sampled(challenger, references) - _sampled(champion, references)
    low, high = np.percentile(differences, _INTERVAL)
    # sacrebleu counts samples that differ more, which of equal captions none does.
    can_differ = ours.score != theirs.score and len(references) >= FEWEST
    return Comparison(
        bleu4=float(ours.score),
        champion_bleu4=float(theirs.score),
        low=float(low),
        high=float(high),
        p_value=float(ours.p_value or 0.0) if can_differ else 1.0,
        signature=str(signatures["BLEU"]),
    )


def _sampled(captions: Sequence[str], references: Sequence[Sequence[str]]) -> NDArray[Any]:
    """Returns BLEU-4 of each sampled test set, float64 [SAMPLES]; the sets are always the same."""
    metric = BLEU(tokenize="none", smooth_method="none", effective_order=True)
    found = [
        metric.sentence_score(caption, list(photo))
        for caption, photo in zip(captions, references, strict=True)
    ]
    counted = np.array([[*f.counts, *f.totals, f.sys_len, f.ref_len] for f in found])  # [N, 10]
    generator = np.random.default_rng(_SEED)
    chances = np.full(len(found), 1 / len(found))
    weights = generator.multinomial(len(found), chances, size=SAMPLES)  # [SAMPLES, N]
    return np.array(
        [
            BLEU.compute_bleu(
                sums[:4].tolist(), sums[4:8].tolist(), int(sums[8]), int(sums[9]), "none"
            ).score
            for sums in weights @ counted
        ]
    )
