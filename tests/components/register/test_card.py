import json
from pathlib import Path
from typing import Any

import pytest
from jinja2 import UndefinedError
from markdown_it import MarkdownIt

from components.artifacts.manifest import read_manifest
from components.register.card import model_card


@pytest.fixture
def scores(artifacts: dict[str, Path]) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((artifacts["scores"] / "scores.json").read_text())
    return content


def _card(scores: dict[str, Any], artifacts: dict[str, Path]) -> str:
    photos = read_manifest(artifacts["manifest"])
    return model_card(
        scores, photos, name="captioner", cause="the data changed", reason="Passed: better"
    )


def test_model_card_has_data_scores_encoder_and_decision(
    scores: dict[str, Any], artifacts: dict[str, Path]
) -> None:
    counts = {"near_duplicates": 4, "mean_words": 9.6}
    counts |= {"distinct_captions": 1, "vocabulary_used": 5}
    lines = _card(scores | counts, artifacts).splitlines()
    assert lines[0] == "# captioner"
    assert "| train | 1 | 1 | training and vocabulary |" in lines
    assert "| test | 2 | 2 | the scores below only |" in lines
    names = ["BLEU-1", "BLEU-2", "BLEU-3", "BLEU-4", "CIDEr-D", "ROUGE-L", "METEOR", "SPICE"]
    table = lines.index(f"| search | {' | '.join(names)} |")
    assert lines[table + 1 : table + 5] == [
        "|---|---|---|---|---|---|---|---|---|",
        "| beam 2 | 80.50 | 75.25 | 70.00 | 33.33 | 180.50 | 77.50 | 30.25 | 20.75 |",
        "| greedy | 79.00 | 74.00 | 68.00 | 30.50 | 170.25 | 75.50 | 29.50 | 19.25 |",
        "",
    ]
    whole = "\n".join(lines)
    for part in (
        "of about 10 words",
        "dev or test: 4 pairs",
        f"`{'f' * 64}`",
        f"SHA-256 `{'e' * 64}`",
        "computed in bfloat16, each the mean over\n  seven views of a photo (multi-crop).\n",
        "Decision of the gate: Passed: better",
        "Reason for training: the data changed",
        "BLEU: `nrefs:5|tok:none`\nCIDEr-D and ROUGE-L, times 100: `cider-d:n=4|tok:none`\n",
        "METEOR, times 100, which also matches stems, synonyms and paraphrases: `meteor:1.5,en|tim",
        "SPICE, times 100, which compares objects, attributes and relations: `spice:1.0,en|times:",
        "CIDEr-D, multiplied by 100, ranges from 0 to 1,000, the other scores from 0 to 100",
        "beam width 2, length penalty 1.0, reranking weight 0.0, guidance weight 0.0, at most 5",
    ):
        assert part in whole


def test_model_card_without_java_does_not_mention_its_metrics(
    scores: dict[str, Any], artifacts: dict[str, Path]
) -> None:
    for name in ("meteor", "meteor_signature", "spice", "spice_signature"):
        del scores[name]
    card = _card(scores, artifacts)
    assert "METEOR" not in card and "SPICE" not in card


def test_model_card_of_a_model_that_always_says_the_same_calls_it_useless(
    scores: dict[str, Any], artifacts: dict[str, Path]
) -> None:
    counts = {
        "images": 400, "mean_words": 9.6, "distinct_captions": 2, "vocabulary_used": 5,
        "vocabulary_known": 1698,
    }  # fmt: skip
    assert "**Words used: 5 of 1,698. This model is useless" in _card(scores | counts, artifacts)


def test_model_card_has_the_confidence(scores: dict[str, Any], artifacts: dict[str, Path]) -> None:
    curve = [
        {"coverage": step / 20, "risk": step / 100, "cider_d": 100.0 - step}
        for step in range(1, 21)
    ]
    confidence = {"good_cider_d": 34.56, "likely": 0.7, "aurc": 0.2512, "ece": 0.0312}
    card = _card(scores | {"confidence": confidence | {"curve": curve}}, artifacts)
    lines = card.splitlines()
    table = lines.index("| captions | good | CIDEr-D |")
    assert lines[table + 1 : table + 7] == [
        "|---|---|---|",
        "| surest 25 % | 95.0 % | 95.0 |",
        "| surest 50 % | 90.0 % | 90.0 |",
        "| surest 75 % | 85.0 % | 85.0 |",
        "| 100 % | 80.0 % | 80.0 |",
        "",
    ]
    for fact in ("34.6", "0.251", "0.031", "not sure of 30 %"):
        assert fact in card
    assert "## Confidence" not in _card(scores, artifacts)


def test_model_card_escapes_its_values(scores: dict[str, Any], artifacts: dict[str, Path]) -> None:
    hostile = "<script>x()</script> [a](javascript:x()) `` ![b](c) **d** e_f | g\n\n# h\n&amp;"
    texts = {name: hostile for name, value in scores.items() if isinstance(value, str)}
    encoder = dict.fromkeys(scores["encoder"], hostile)
    card = model_card(
        scores | texts | {"encoder": encoder}, read_manifest(artifacts["manifest"]),
        name="captioner", cause=hostile, reason=hostile,
    )  # fmt: skip
    # As Markdown renderers do that allow HTML.
    reader = MarkdownIt("commonmark", {"html": True}).enable("table")
    page, plain = reader.render(card), reader.render(_card(scores, artifacts))
    for tag in ("<script", "<img", "<a ", "<strong", "<em", "<h1", "<h2", "<tr", "<p"):
        assert page.count(tag) == plain.count(tag)
    shown = "&lt;script&gt;x()&lt;/script&gt; [a](javascript:x()) "
    # Cause, reason, network and precision are text; in code spans the backticks are replaced.
    assert page.count(f"{shown}`` ![b](c) **d** e_f | g # h &amp;amp;") == 4
    code = f"<code>{shown}'' ![b](c) **d** e_f | g # h &amp;amp;</code>"
    assert page.count(code) == len(texts) - 1 + 2  # all but `split`; weights and sha256


def test_model_card_without_multi_crop_does_not_mention_views(
    scores: dict[str, Any], artifacts: dict[str, Path]
) -> None:
    scores["encoder"]["multi_crop"] = False
    card = _card(scores, artifacts)
    assert "computed in bfloat16.\n" in card and "views" not in card


def test_model_card_of_scores_without_an_encoder_is_an_error(
    scores: dict[str, Any], artifacts: dict[str, Path]
) -> None:
    del scores["encoder"]
    with pytest.raises(UndefinedError):
        _card(scores, artifacts)


def test_model_card_has_the_limits_language_and_lineage(
    scores: dict[str, Any], artifacts: dict[str, Path]
) -> None:
    lineage = {
        "findings": [{"kind": "few_test_photos", "text": "8 test photos: scores mean nothing"}],
        "language": "zh",
        "embeddings": {"source": "none", "width": 0, "found": 0},
        "start_from": {
            "model": "models:/captioner/3", "mlflow_run_id": "abc", "words_from_parent": 812,
            "new_words": 31,
        },
    }  # fmt: skip
    card = _card(scores | lineage, artifacts)
    for fact in (
        "8 test photos", "`zh`", "at random, without GloVe", "`models:/captioner/3`", "`abc`",
        "812", "31 new",
    ):  # fmt: skip
        assert fact in card
    assert "English" not in card
    plain = _card(scores | {"language": "und"}, artifacts)
    assert "not detected" in plain and "Continued from" not in plain
