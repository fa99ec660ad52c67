"""Two models' captions of the same photos, compared: is a difference more than chance?"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

from sacrebleu.metrics import BLEU
from sacrebleu.significance import PairedTest, Result

#: Resamples of the test set.
SAMPLES = 1000


@dataclass(frozen=True, slots=True)
class Comparison:
    """BLEU-4 of a challenger and of the champion, over the same photos and references.

    Attributes:
        bleu4: The challenger's, 0 to 100.
        champion_bleu4: The champion's.
        margin: Half the 95 % interval of the challenger's, in points.
        champion_margin: Of the champion's.
        p_value: How often as large a difference comes by chance, 0 to 1.
        signature: How BLEU and the test were computed, sacrebleu's.
    """

    bleu4: float
    champion_bleu4: float
    margin: float
    champion_margin: float
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
    Evaluation").

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
    return Comparison(
        bleu4=float(ours.score),
        champion_bleu4=float(theirs.score),
        margin=float(ours.ci or 0.0),
        champion_margin=float(theirs.ci or 0.0),
        # sacrebleu counts samples that differ more, which of equal captions none does.
        p_value=1.0 if ours.score == theirs.score else float(ours.p_value or 0.0),
        signature=str(signatures["BLEU"]),
    )
