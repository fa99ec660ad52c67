"""Corpus and sentence BLEU, computed by sacrebleu."""

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
        signature: sacrebleu's signature of BLEU-4: number of references, case, tokenization,
            smoothing, version.
    """

    scores: dict[str, float]
    signature: str


def require_references(hypotheses: Sequence[str], references: Sequence[Sequence[str]]) -> None:
    """Checks that captions can be scored.

    Args:
        hypotheses: One caption per photo.
        references: The references of each photo.

    Raises:
        ValueError: If there are no captions, the numbers of captions and photos with references
            differ, or a photo has no reference.
    """
    if len(hypotheses) != len(references) or not hypotheses:
        raise ValueError(
            "There must be at least one caption, and references for each caption. Received: "
            f"{len(hypotheses)} captions, references for {len(references)} photos"
        )
    if not all(references):
        missing = sum(not photo for photo in references)
        raise ValueError(
            f"Every photo must have at least one reference. Received: none for {missing} photos"
        )


def corpus_bleu(hypotheses: Sequence[str], references: Sequence[Sequence[str]]) -> BleuScores:
    """Scores captions against all references of their photos.

    BLEU-n is cumulative: the geometric mean of the corpus-level 1- to n-gram precisions, times the
    brevity penalty, whose reference length is that of the closest reference (Papineni et al.,
    2002). There is no tokenization, because the text is already normalized, and no smoothing.

    Args:
        hypotheses: One normalized caption per photo.
        references: The normalized references of each photo; their number may vary.

    Returns:
        The scores and their signature.

    Raises:
        ValueError: If there are no captions, the numbers of captions and photos with references
            differ, or a photo has no reference.
    """
    require_references(hypotheses, references)
    # [photos][references] -> [references][photos], with None where a photo has fewer
    streams = [list(stream) for stream in zip_longest(*references)]
    scores = {}
    for order in ORDERS:
        metric = BLEU(tokenize="none", smooth_method="none", max_ngram_order=order)
        scores[f"bleu{order}"] = metric.corpus_score(list(hypotheses), streams).score
    return BleuScores(scores, str(metric.get_signature()))


def sentence_bleu(hypothesis: str, references: Sequence[str]) -> float:
    """Returns one caption's smoothed BLEU-4: suitable for ranking captions, not for reporting."""
    metric = BLEU(tokenize="none", effective_order=True)
    return float(metric.sentence_score(hypothesis, list(references)).score)
