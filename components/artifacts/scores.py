"""The figures of a scores artifact, by search, and flat for those who note them elsewhere.

Scores of earlier versions hold BLEU alone: whatever they lack is left out.
"""

from collections.abc import Mapping
from typing import Any, Literal

#: What people call the scores of a search.
TITLES = {
    **{f"bleu{order}": f"BLEU-{order}" for order in range(1, 5)},
    "cider_d": "CIDEr-D",
    "rouge_l": "ROUGE-L",
}
_BY_SEARCH = ("cider_d", "rouge_l")
_OF_BEAM = ("distinct_captions", "mean_words", "vocabulary_used")


def search_scores(scores: Mapping[str, Any], search: Literal["beam", "greedy"]) -> dict[str, float]:
    """Returns what the captions of one search scored, by the names in `TITLES`, in that order.

    Args:
        scores: What `scores.json` holds.
        search: Beam search, or the most probable word each time.
    """
    return {
        **scores["bleu" if search == "beam" else "greedy"],
        **{name: scores[name][search] for name in _BY_SEARCH if name in scores},
    }


def main_figures(scores: Mapping[str, Any]) -> dict[str, float]:
    """Returns what is noted of a model where it is compared with others.

    Args:
        scores: What `scores.json` holds.

    Returns:
        The beam's scores by name; `greedy_bleu4`, `greedy_cider_d` and `greedy_rouge_l`; and of
        the beam's captions how many differ, their mean length and how many words they use.
    """
    greedy = search_scores(scores, "greedy")
    return {
        **search_scores(scores, "beam"),
        **{f"greedy_{n}": greedy[n] for n in ("bleu4", *_BY_SEARCH) if n in greedy},
        **{name: scores[name] for name in _OF_BEAM if name in scores},
    }
