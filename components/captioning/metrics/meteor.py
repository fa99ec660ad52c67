"""METEOR, computed by the Java program in `pycocoevalcap`; for English only."""

import threading
from collections.abc import Mapping, Sequence
from importlib.metadata import version

from pycocoevalcap.meteor.meteor import Meteor

from components.captioning.metrics.bleu import require_references

#: The version of METEOR, its options and the library.
SIGNATURE = f"meteor:1.5,en,norm|times:100|pycocoevalcap:{version('pycocoevalcap')}"


def meteor_scores(
    hypotheses: Mapping[str, Sequence[str]], references: Sequence[Sequence[str]]
) -> dict[str, float]:
    """Scores sets of captions against all references of their photos.

    METEOR (Denkowski and Lavie, 2014, "Meteor Universal") aligns a caption with each reference by
    matching words, stems, synonyms and paraphrases, and combines precision, recall and word order;
    recall counts more, so short captions score lower. The score of a set is computed from the sums
    over its photos, each with its best reference.

    Args:
        hypotheses: Sets of normalized captions, one per photo, by name.
        references: The normalized references of each photo, at least one.

    Returns:
        The score of each set, times 100, by name.

    Raises:
        ValueError: If numbers of captions and photos differ, or Java fails.
        OSError: If Java can't be started.
    """
    targets = {photo: list(captions) for photo, captions in enumerate(references)}
    # One process for all sets: it takes seconds to load its paraphrases.
    program = Meteor()
    scores = {}
    try:
        for name, captions in hypotheses.items():
            require_references(captions, references)
            candidates = {photo: [caption] for photo, caption in enumerate(captions)}
            scores[name] = 100 * program.compute_score(targets, candidates)[0]
    finally:
        # An error leaves the lock taken, and the library's destructor would wait for it for ever.
        program.lock = threading.Lock()
    return scores
