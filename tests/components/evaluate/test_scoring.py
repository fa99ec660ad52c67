import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from java_programs import FakeJava

from components.captioning.decoding.reranker_data import RerankerData
from components.captioning.decoding.search import DecodingConfig
from components.captioning.inference.bundle import Bundle
from components.captioning.metrics import spice_jars
from components.captioning.metrics.java import JAVA_METRICS
from components.evaluate.scoring import Captions, measure_java_metrics, score_captions, search_both


def test_score_captions_of_both_searches() -> None:
    # Beam: 3 + 2 words, closest references 3 + 2, no penalty.
    # Unigrams: "a dog runs" 3/3, "a dog" 1/2 (no "dog" there): 4/5. Bigrams 2/2, 0/1: 2/3.
    # BLEU-2 = sqrt(4/5 * 2/3) = 0.730297. Trigrams 1/1: BLEU-3 = (8/15) ** (1/3) = 0.810961.
    # No 4-gram. Greedy: no match.
    # CIDEr-D: "a" is in both photos, so it weighs nothing. "a dog runs" with its twin: words, pairs
    # and triples 1, no quadruple: 3/4. With the other reference "dog", 1 word of 2 with 1 of 5,
    # lengths apart by 2: exp(-4 / 72) / sqrt(2 * 5) = 0.299139, a quarter of it: 0.074785.
    # The mean: 0.412392. "a dog": 0. The mean of both, times 10, times 100: 206.196.
    # ROUGE-L: 1; of "a dog" and "a bird" one word of two: 1/2. The mean: 75.
    captions = Captions(beam=["a dog runs", "a dog"], greedy=["cat", "cat"])
    references = [("a dog runs", "one brown dog is running"), ("a bird",)]
    scores, cider_d = score_captions(captions, references)
    assert cider_d == pytest.approx([412.392, 0], abs=1e-2)
    expected = {"bleu1": 80, "bleu2": 73.0297, "bleu3": 81.0961, "bleu4": 0}
    assert scores.pop("bleu") == pytest.approx(expected, abs=1e-4)
    assert scores.pop("greedy") == dict.fromkeys(expected, 0)
    assert scores.pop("signature").startswith("nrefs:var|case:mixed|eff:no|tok:none|smooth:none|")
    assert scores.pop("cider_d") == {"beam": pytest.approx(206.196, abs=1e-3), "greedy": 0}
    assert scores.pop("rouge_l") == {"beam": pytest.approx(75), "greedy": 0}
    assert scores.pop("coco_signature").startswith("cider-d:n=4,sigma=6,df=these-references|")
    # A quarter of the resamples has the first photo twice, a quarter the second.
    assert scores.pop("intervals") == {
        "bleu4": [0, 0], "cider_d": pytest.approx([0, 412.392], abs=1e-2),
    }  # fmt: skip
    assert scores == {
        "images": 2,
        "references": 3,
        "distinct_captions": 2,
        "mean_words": 2.5,
        "vocabulary_used": 3,
    }


def test_score_captions_counts_distinct_captions() -> None:
    captions = Captions(beam=["a dog", "a dog", ""], greedy=["a", "a", "a"])
    scores, _ = score_captions(captions, [("a",)] * 3)
    assert scores["distinct_captions"] == 2
    assert scores["mean_words"] == pytest.approx(4 / 3)
    assert scores["vocabulary_used"] == 2


def test_search_both_returns_beam_and_greedy_captions(write_model: Callable[..., Path]) -> None:
    bundle = Bundle.load(write_model(seed=1), DecodingConfig(5, 1.0, max_words=3))
    features = np.random.default_rng(1).normal(size=(8, 5)).astype(np.float16)
    captions = search_both(bundle, features)
    assert bundle.decoding == DecodingConfig(5, 1.0, max_words=3)  # unchanged
    assert captions.beam != captions.greedy
    # A beam of one is greedy search.
    bundle.decoding = DecodingConfig(1, 1.0, max_words=3)
    assert search_both(bundle, features) == Captions(captions.greedy, captions.greedy)


def test_search_both_with_a_guided_beam_of_one_decodes_greedily_as_well(
    write_model: Callable[..., Path],
) -> None:
    bundle = Bundle.load(write_model(seed=1), DecodingConfig(1, 1.0, max_words=3))
    features = np.random.default_rng(1).normal(size=(8, 5)).astype(np.float16)
    # Similar photos were described with "runs" alone.
    bundle.reranker_data = RerankerData(
        np.concatenate([features, -features]), [("runs",)] * 8 + [("a dog",)] * 8
    )
    unguided = bundle.captions(features)
    bundle.decoding = DecodingConfig(1, 1.0, max_words=3, guidance_weight=100.0)
    guided = bundle.captions(features)
    assert guided != unguided
    assert search_both(bundle, features) == Captions(guided, unguided)


def test_measure_java_metrics_in_another_language_says_why_not(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    captions = Captions(["ein hund"], ["ein hund"])
    measured = measure_java_metrics(captions, [("ein hund",)], "de")
    assert measured.keys() == {"not_measured"}
    for name in ("METEOR", "SPICE"):
        assert re.search(r"\bde$", measured["not_measured"][name.lower()])
        assert f"{name} was not measured: {measured['not_measured'][name.lower()]}" in caplog.text


@pytest.mark.parametrize("name", ["meteor", "spice"])
def test_measure_java_metrics_scores_both_searches(name: str) -> None:
    if absent := JAVA_METRICS[name].why_not("en"):
        pytest.skip(absent)
    captions = Captions(["a dog runs"], ["a cat"])
    measured = measure_java_metrics(captions, [("a dog runs",)], "en")
    assert measured[name]["beam"] == pytest.approx(100)
    assert measured[name]["greedy"] < 50
    assert measured[f"{name}_signature"].startswith(f"{name}:1.")
    assert name not in measured["not_measured"]


@pytest.fixture
def broken_java(
    fake_java: FakeJava, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> dict[str, str]:
    """A Java that fails, and the jars that SPICE needs; the reasons why nothing is measured."""
    fake_java("import sys\nprint('Error: broken', file=sys.stderr)\nsys.exit(1)\n")
    monkeypatch.setattr(spice_jars, "SPICE_FOLDER", tmp_path)
    (tmp_path / "lib").mkdir()
    for name in ("stanford-corenlp-3.6.0.jar", "stanford-corenlp-3.6.0-models.jar"):
        (tmp_path / "lib" / name).touch()
    return dict.fromkeys(("meteor", "spice"), "Java failed (exit code 1, Error: broken)")


def test_measure_java_metrics_with_a_broken_java_goes_on(
    broken_java: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    measured = measure_java_metrics(Captions(["a dog"], ["a dog"]), [("a dog",)], "en")
    assert measured == {"not_measured": broken_java}
    for name in ("METEOR", "SPICE"):
        assert f"{name} was not measured: Java failed (exit code 1, Error: br" in caplog.text


@pytest.mark.usefixtures("broken_java")
def test_measure_java_metrics_without_references_is_not_an_error_of_java() -> None:
    with pytest.raises(ValueError, match="at least one reference"):
        measure_java_metrics(Captions(["a dog"], ["a dog"]), [()], "en")
