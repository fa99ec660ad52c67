"""The figures in `scores.json`: per search, of the confidence, and as flat metrics for MLflow.

Figures that `scores.json` does not have are left out.
"""

from collections.abc import Mapping
from typing import Any, Literal

#: Display names of scores.
TITLES = {
    **{f"bleu{order}": f"BLEU-{order}" for order in range(1, 5)},
    "cider_d": "CIDEr-D",
    "rouge_l": "ROUGE-L",
    "meteor": "METEOR",
    "spice": "SPICE",
}
#: Display names of the scores of a model's confidence.
CONFIDENCE_TITLES = {
    "surest_half_cider_d": "CIDEr-D of the surest half",
    "selective_accuracy": "Selective accuracy (100 - AURC in %)",
    "calibration": "Calibration (100 - expected calibration error in %)",
}
_BY_SEARCH = ("cider_d", "rouge_l", "meteor", "spice")
# A model that uses a smaller share of its words says the same about nearly every photo.
# Good models use a tenth or more on 500 photos.
_MIN_WORDS_USED = 0.02
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


def signatures(scores: Mapping[str, Any]) -> dict[str, str]:
    """Returns how each metric was computed: `bleu_signature`, `coco_signature` and so on.

    Args:
        scores: The content of `scores.json`.
    """
    others = {name: text for name, text in scores.items() if name.endswith("_signature")}
    return {"bleu_signature": scores["signature"], **others}


def confidence_scores(scores: Mapping[str, Any]) -> dict[str, float]:
    """Returns the scores of the confidence by name, in the order of `CONFIDENCE_TITLES`.

    For each, higher is better: `surest_half_cider_d`, the mean CIDEr-D of the half of the captions
    with the highest confidence, 0 to 1000; `selective_accuracy`, 0 to 100: 100 (1 - AURC), the area
    under the accuracy-coverage curve; and `calibration`, 0 to 100: 100 (1 - ECE). AURC and the
    expected calibration error are explained in `captioning.metrics.selective`.

    Args:
        scores: The content of `scores.json`.
    """
    if "confidence" not in scores:
        return {}
    measured = scores["confidence"]
    return {
        "surest_half_cider_d": measured["cider_d_surest_half"],
        "selective_accuracy": 100 * (1 - measured["aurc"]),
        "calibration": 100 * (1 - measured["ece"]),
    }


def main_figures(scores: Mapping[str, Any]) -> dict[str, float]:
    """Returns the figures by which models are compared.

    Args:
        scores: The content of `scores.json`.

    Returns:
        The scores of beam search by name; `greedy_bleu4`, `greedy_cider_d` and so on; those of the
        confidence; and the number of distinct captions of beam search, their mean length in words,
        and the number of different words in them.
    """
    greedy = search_scores(scores, "greedy")
    return {
        **search_scores(scores, "beam"),
        **{f"greedy_{n}": greedy[n] for n in ("bleu4", *_BY_SEARCH) if n in greedy},
        **confidence_scores(scores),
        **{name: scores[name] for name in _OF_BEAM if name in scores},
    }


def degeneracy(scores: Mapping[str, Any]) -> str:
    """Returns a sentence if a model says the same about nearly every photo; empty if it does not.

    Its captions of the test photos then use less than 2 % of the words that it could have used:
    those that it knows, but not more than there are words in its captions.

    Args:
        scores: The content of `scores.json`.
    """
    if not {"vocabulary_known", "images", *_OF_BEAM} <= scores.keys():
        return ""
    used, known = scores["vocabulary_used"], scores["vocabulary_known"]
    possible = min(known, scores["mean_words"] * scores["images"])
    if used >= _MIN_WORDS_USED * possible:
        return ""
    return (
        f"Words used: {used:,} of {known:,}. This model is useless: it says nearly the same about "
        f"every photo ({scores['distinct_captions']:,} distinct captions of "
        f"{scores['images']:,} photos)."
    )
