"""The figures in `scores.json`: per search, and as flat metrics for MLflow.

Figures that `scores.json` does not have are left out.
"""

from collections.abc import Mapping
from typing import Any, Literal

#: Display names of scores.
TITLES = {
    **{f"bleu{order}": f"BLEU-{order}" for order in range(1, 5)},
    "cider_d": "CIDEr-D",
    "rouge_l": "ROUGE-L",
}
_BY_SEARCH = ("cider_d", "rouge_l")
_OF_BEAM = ("distinct_captions", "mean_words", "vocabulary_used")


def search_scores(scores: Mapping[str, Any], search: Literal["beam", "greedy"]) -> dict[str, float]:
    """Returns the scores of one search by name, in the order of `TITLES`.

    Args:
        scores: The content of `scores.json`.
        search: Beam search or greedy search.
    """
    return {
        **scores["bleu" if search == "beam" else "greedy"],
        **{name: scores[name][search] for name in _BY_SEARCH if name in scores},
    }


def main_figures(scores: Mapping[str, Any]) -> dict[str, float]:
    """Returns the figures by which models are compared.

    Args:
        scores: The content of `scores.json`.

    Returns:
        The scores of beam search by name; `greedy_bleu4`, `greedy_cider_d` and `greedy_rouge_l`;
        and the number of distinct captions of beam search, their mean length in words, and the
        number of different words in them.
    """
    greedy = search_scores(scores, "greedy")
    return {
        **search_scores(scores, "beam"),
        **{f"greedy_{n}": greedy[n] for n in ("bleu4", *_BY_SEARCH) if n in greedy},
        **{name: scores[name] for name in _OF_BEAM if name in scores},
    }
