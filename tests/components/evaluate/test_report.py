"""The facts that the report shows."""

from report_pages import CARD, DATA, MISTAKES, SCORES, TRAINING, Page, page_of

from components.artifacts.report import PLACES, fill_places, place
from components.evaluate.records import Finding
from components.evaluate.report import render_report


def test_report_has_each_place_once_whatever_the_data_say() -> None:
    data = DATA.model_copy(update={"summary": [("note", place(name)) for name in PLACES]})
    page = render_report(SCORES, TRAINING, data, MISTAKES, [])
    assert {name: page.count(place(name)) for name in PLACES} == dict.fromkeys(PLACES, 1)
    words = Page(fill_places(page, {"drift": "requests have drifted (p = 0.003)"})).words
    assert "Drift of requests requests have drifted (p = 0.003) Photos" in words


def test_report_begins_with_what_matters() -> None:
    page = render_report(SCORES, TRAINING, DATA, MISTAKES, [])
    filled = fill_places(
        page,
        {
            "model": "captioner", "version": "version 3", "passed": "Passed", "reason": "Better.",
            "champion": "Champion v2: BLEU-4 20.1", "date": "2026-11-30 09:00 UTC",
            "dataset": "flickr8k", "commit": "c" * 40, "command": "captionflow run --epochs 9",
            "release": "Version 3 is the champion",
        },
    )  # fmt: skip
    first, _, _ = Page(filled).words.partition("Contents Scores")
    for fact in (
        "captioner version 3 Passed Better.",
        "BLEU-4 22.3 95 % confidence interval 20.5 to 24.3",
        "CIDEr-D 55.4 95 % confidence interval 51.9 to 59.0",
        "Champion v2: BLEU-4 20.1", "Version 3 is the champion", "2026-11-30 09:00 UTC",
        "flickr8k : 8,091 photos, 40,455 captions", "train 6,091, dev 500, test 1,500",
        "c" * 40, "captionflow run --epochs 9",
    ):  # fmt: skip
        assert fact in first
    assert "useless" not in first


def test_report_begins_with_the_limits_of_the_data() -> None:
    finding = Finding(kind="few_test_photos", text="8 test photos are few")
    data = DATA.model_copy(update={"findings": [finding]})
    first, _, _ = Page(render_report(SCORES, TRAINING, data, [], [])).words.partition("Contents")
    assert "8 test photos are few" in first


def test_report_of_a_model_that_always_says_the_same_calls_it_useless() -> None:
    scores = SCORES | {"vocabulary_used": 8, "distinct_captions": 3}
    assert "Words used: 8 of 2,529" in Page(render_report(scores, TRAINING, DATA, [], [])).words


def test_report_shows_mistakes_by_kind() -> None:
    words = Page(render_report(SCORES, TRAINING, DATA, MISTAKES, [])).words
    assert "colour has a wrong colour 150 10 % blue (80)" in words
    # Those of another language are unknown.
    assert "Mistakes by kind" not in Page(render_report(SCORES, TRAINING, DATA, [], [])).words


def test_report_has_the_risk_coverage_curve_and_its_numbers() -> None:
    page = Page(render_report(SCORES, TRAINING, DATA, MISTAKES, []))
    text = " ".join(page.text.split())
    for fact in (
        "at least 34.6", "60 % of all captions are good", "50 % are called likely",
        "80 % of those are good", "71.2, of all 55.4", "0.251; 0.400 if", "0.031",
        "50 % 20.0 % 71.2", "not good (%)",
    ):  # fmt: skip
        assert fact in text


def test_render_report_shows_scores_with_model_data_and_decoding() -> None:
    words = page_of(CARD).words
    assert "Score Beam search, width 5 Greedy search BLEU-1 64.3 64.3 BLEU-2" in words
    assert (
        "BLEU-4 22.3 17.9 CIDEr-D 55.4 44.1 ROUGE-L 46.2 43.0 METEOR 20.1 19.0 SPICE 14.8 12.3"
        in words
    )
    assert "cider-d:n=4| rouge-l:beta=1.2" in words
    assert "METEOR (pycocoevalcap) meteor:1.5,en| times:100" in words
    assert "SPICE (pycocoevalcap) spice:1.0,en| times:100" in words
    assert "CIDEr-D, multiplied by 100, ranges from 0 to 1,000, the other scores from 0 t" in words
    assert "METEOR matches words, stems" in words and "SPICE compares the objects" in words
    assert "1,500 photos of the test split" in words
    assert "against 7,500 reference captions" in words
    assert "nrefs:5| case:mixed| tok:none" in words
    assert "beam width 5, length penalty 0.7, reranking weight 14.0" in words
    assert "guidance weight 0.0, at most 20 words" in words
    assert "InceptionV3, weights random (seed 7) eeeeeeeeeeee , 2,048 features per photo" in words
    assert "812 for 1,500 photos, 9.7 words on average" in words
    assert "310 of 2,529 words" in words
    assert "Test split fingerprint ffffffffffff Dataset fingerprint dddddddddddd" in words
    assert "Model fingerprint aaaaaaaaaaaa MLflow run run-1" in words
    assert "1 3.000 2.500 2.0e-03 41.3" in words
    assert "units 512" in words


def test_render_report_without_java_does_not_mention_its_metrics() -> None:
    java = {"meteor", "meteor_signature", "spice", "spice_signature"}
    scores = {name: value for name, value in SCORES.items() if name not in java}
    words = Page(render_report(scores, TRAINING, DATA, MISTAKES, [])).words
    assert "METEOR" not in words and "SPICE" not in words


def test_render_report_shows_what_the_data_set_holds() -> None:
    assert "Data Photos 8,091 (flickr_token) Missing none" in page_of(CARD).words
