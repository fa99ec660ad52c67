from typing import Any

import pytest

from components.artifacts.scores import (
    CONFIDENCE_TITLES,
    TITLES,
    confidence_scores,
    degeneracy,
    main_figures,
    search_scores,
    signatures,
)

BLEU_ONLY: dict[str, Any] = {
    "bleu": {"bleu1": 64.0, "bleu2": 46.0, "bleu3": 32.0, "bleu4": 22.0},
    "greedy": {"bleu1": 58.0, "bleu2": 40.0, "bleu3": 27.0, "bleu4": 17.0},
    "signature": "nrefs:5|tok:none",
    "images": 1000,
}
SCORES: dict[str, Any] = {
    **BLEU_ONLY,
    "cider_d": {"beam": 55.0, "greedy": 44.0},
    "rouge_l": {"beam": 46.0, "greedy": 43.0},
    "meteor": {"beam": 16.0, "greedy": 15.0},
    "spice": {"beam": 14.0, "greedy": 13.0},
    "distinct_captions": 812,
    "mean_words": 9.75,
    "vocabulary_used": 310,
}


def test_search_scores_returns_the_scores_of_a_search() -> None:
    assert search_scores(SCORES, "beam") == SCORES["bleu"] | {
        "cider_d": 55.0, "rouge_l": 46.0, "meteor": 16.0, "spice": 14.0,
    }  # fmt: skip
    assert search_scores(SCORES, "greedy") == SCORES["greedy"] | {
        "cider_d": 44.0, "rouge_l": 43.0, "meteor": 15.0, "spice": 13.0,
    }  # fmt: skip
    assert list(search_scores(SCORES, "beam")) == list(TITLES)


def test_signatures_are_those_of_all_metrics() -> None:
    others = {"coco_signature": "cider-d:n=4", "spice_signature": "spice:1.0"}
    assert signatures(SCORES | others) == {"bleu_signature": "nrefs:5|tok:none", **others}


def test_search_scores_with_bleu_alone() -> None:
    assert search_scores(BLEU_ONLY, "beam") == BLEU_ONLY["bleu"]
    assert search_scores(BLEU_ONLY, "greedy") == BLEU_ONLY["greedy"]


def test_confidence_scores_are_better_the_higher() -> None:
    measured = {"cider_d_surest_half": 70.5, "aurc": 0.25, "ece": 0.125, "cider_d_all": 55.0}
    expected = {"surest_half_cider_d": 70.5, "selective_accuracy": 75.0, "calibration": 87.5}
    scores = SCORES | {"confidence": measured}
    assert confidence_scores(scores) == expected
    assert list(confidence_scores(scores)) == list(CONFIDENCE_TITLES)
    assert main_figures(scores) == main_figures(SCORES) | expected
    assert confidence_scores(SCORES) == {}


def test_main_figures_returns_flat_metrics() -> None:
    assert main_figures(SCORES) == {
        "bleu1": 64.0,
        "bleu2": 46.0,
        "bleu3": 32.0,
        "bleu4": 22.0,
        "cider_d": 55.0,
        "rouge_l": 46.0,
        "meteor": 16.0,
        "spice": 14.0,
        "greedy_bleu4": 17.0,
        "greedy_cider_d": 44.0,
        "greedy_rouge_l": 43.0,
        "greedy_meteor": 15.0,
        "greedy_spice": 13.0,
        "distinct_captions": 812,
        "mean_words": 9.75,
        "vocabulary_used": 310,
    }


def test_main_figures_with_bleu_alone() -> None:
    assert main_figures(BLEU_ONLY) == BLEU_ONLY["bleu"] | {"greedy_bleu4": 17.0}


@pytest.mark.parametrize(
    ("used", "known", "images", "useless"),
    [
        (8, 1698, 400, True),
        (33, 1698, 400, True),
        (34, 1698, 400, False),
        (310, 2529, 1500, False),
        # Few words are possible in the captions of few photos.
        (5, 1698, 8, False),
        (1, 1698, 8, True),
    ],
)
def test_degeneracy_below_two_percent_of_the_possible_words(
    used: int, known: int, images: int, useless: bool
) -> None:
    scores = {
        "vocabulary_used": used, "vocabulary_known": known, "mean_words": 10.0, "images": images,
        "distinct_captions": 3,
    }  # fmt: skip
    text = degeneracy(scores)
    assert bool(text) == useless
    if useless:
        assert f"{used} of {known:,}" in text and "useless" in text


def test_degeneracy_is_unknown_without_figures() -> None:
    assert degeneracy({"bleu": {}}) == ""
