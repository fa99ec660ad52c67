"""BLEU over a whole test set, by sacrebleu."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

from sacrebleu.metrics import BLEU

ORDERS = (1, 2, 3, 4)


@dataclass(frozen=True)
class BleuScores:
    """Corpus BLEU of one set of captions.

    Attributes:
        scores: BLEU-1 to BLEU-4, 0 to 100, by name (`bleu1` … `bleu4`).
        signature: sacrebleu's signature of BLEU-4: references, case, tokenisation, smoothing,
            version.
    """

    scores: dict[str, float]
    signature: str


def require_references(hypotheses: Sequence[str], references: Sequence[Sequence[str]]) -> None:
    """Checks that captions can be scored.

    Args:
        hypotheses: One caption a photo.
        references: For each photo its references.

    Raises:
        ValueError: If there are no captions, their number differs from that of the references,
            or a photo has no reference.
    """
    if len(hypotheses) != len(references) or not hypotheses:
        raise ValueError(
            f"Each of at least one caption needs its references. Received: {len(hypotheses)} "
            f"captions, references of {len(references)} photos"
        )
    if not all(references):
        raise ValueError("Every photo needs at least one reference. Received: one without")


def corpus_bleu(hypotheses: Sequence[str], references: Sequence[Sequence[str]]) -> BleuScores:
    """Scores captions against all references of their photos.

    BLEU-n is cumulative: the geometric mean of the 1- to n-gram precisions times the brevity
    penalty, taken over the corpus, against the reference of the closest length (Papineni et al.,
    2002). No tokenisation (the text is normalised already) and no smoothing.

    Args:
        hypotheses: One normalised caption a photo.
        references: For each photo its normalised references; their number may differ.

    Returns:
        The scores and their signature.

    Raises:
        ValueError: If there are no captions, their number differs from that of the references,
            or a photo has no reference.
    """
    require_references(hypotheses, references)
    # [photos][references] -> [references][photos], None where a photo has fewer
    streams = [list(stream) for stream in zip_longest(*references)]
    scores = {}
    for order in ORDERS:
        metric = BLEU(tokenize="none", smooth_method="none", max_ngram_order=order)
        scores[f"bleu{order}"] = metric.corpus_score(list(hypotheses), streams).score
    return BleuScores(scores, str(metric.get_signature()))


def sentence_bleu(hypothesis: str, references: Sequence[str]) -> float:
    """Returns one caption's BLEU-4, smoothed: fit to rank captions, not to report."""
    metric = BLEU(tokenize="none", effective_order=True)
    return float(metric.sentence_score(hypothesis, list(references)).score)
