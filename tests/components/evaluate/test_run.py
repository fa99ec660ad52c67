import errno
import json
import logging
import os
from pathlib import Path
from typing import Any

import pytest

from components.artifacts import examples
from components.artifacts.checksums import (
    checksums_fingerprint,
    directory_damage,
    write_checksums,
)
from components.captioning.decoding.search import DecodingConfig
from components.captioning.inference.bundle import Bundle
from components.captioning.model.normalizer import NORMALIZER
from components.errors import DataError
from components.evaluate.run import evaluate_model
from components.settings.decoding import DecodingSettings

# The model generates "dog dog dog" for both photos. The references are "dog dog dog" and "dog" for
# one, "a dog" for the other: 6 words against 3 + 2, no penalty.
# Unigrams 3/3 and 1/3: 4/6. Bigrams 2/2 and 0/2: 2/4. Trigrams 1/1 and 0/1: 1/2. No 4-gram.
# BLEU-2 = sqrt(2/3 * 1/2) = 0.577350, BLEU-3 = cube root of (1/3 * 1/2) = 0.550321.
# CIDEr-D: "dog" is in both photos and has no weight; all bigrams and trigrams of the first photo's
# first reference match, and "dog dog dog" has no other orders: (1 + 1) / 4; none of its second
# reference match, and none of the second photo: 0.5 / 2 / 2, times 10, times 100.
# ROUGE-L: highest precision 3/3 and recall 3/3: 1. For the other photo 1/3 and 1/2:
# 2.44 * 1/6 / (1/2 + 1.44 * 1/3) = 0.414966. The mean: 0.707483.
CIDER_D, ROUGE_L = 125, 70.7483
BLEU = {"bleu1": 66.6667, "bleu2": 57.7350, "bleu3": 55.0321, "bleu4": 0}


@pytest.fixture
def no_links(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(source: str, target: str) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)


def _evaluate(artifacts: Any, output: Path, beam_width: int = 1) -> dict[str, Any]:
    return evaluate_model(
        artifacts.model,
        artifacts.examples,
        artifacts.manifest,
        DecodingSettings(beam_width=beam_width),
        scored_model=output / "scored_model",
        scores=output / "scores",
        report=output / "report",
    )


def test_evaluate_model_writes_scores_as_computed_by_hand(artifacts: Any, tmp_path: Path) -> None:
    scores = _evaluate(artifacts, tmp_path, beam_width=2)
    assert json.loads((tmp_path / "scores" / "scores.json").read_text()) == scores
    assert scores.pop("bleu") == pytest.approx(BLEU, abs=1e-4)
    assert scores.pop("greedy") == pytest.approx(BLEU, abs=1e-4)
    assert scores.pop("signature").startswith("nrefs:var|case:mixed|eff:no|tok:none|smooth:none|")
    assert scores.pop("cider_d") == pytest.approx({"beam": CIDER_D, "greedy": CIDER_D})
    assert scores.pop("rouge_l") == pytest.approx({"beam": ROUGE_L, "greedy": ROUGE_L}, abs=1e-4)
    assert scores.pop("coco_signature").startswith("cider-d:n=4,sigma=6,df=these-references|")
    assert scores.pop("not_measured").keys() == {"meteor", "spice"}  # captions of unknown language
    assert scores.pop("intervals") == {
        "bleu4": [0, 0], "cider_d": pytest.approx([0, 2 * CIDER_D]),
    }  # fmt: skip
    confidence = scores.pop("confidence")
    # No reference but the first photo's can be left out, which gives no bound: it is Flickr8k's.
    assert (confidence["good_cider_d"], confidence["good"]) == (34.5, 0.5)
    # The captions repeat themselves.
    assert (confidence["likely"], confidence["likely_and_good"]) == (0, 0)
    assert confidence["cider_d_all"] == pytest.approx(CIDER_D)
    # It has no reason to be surer of one than of the other.
    assert confidence["cider_d_surest_half"] == pytest.approx(CIDER_D)
    assert [point["coverage"] for point in confidence["curve"]] == [0.5, 1]
    assert confidence["curve"][1] == pytest.approx({"coverage": 1, "risk": 0.5, "cider_d": CIDER_D})
    assert scores == {
        "split": "test",
        "findings": [],
        "language": "und",
        "mlflow_run_id": "run-1",
        "model_fingerprint": checksums_fingerprint(tmp_path / "scored_model"),
        "images": 2,
        "references": 3,
        "beam_width": 2,
        "length_penalty": 1.0,
        "reranking_weight": 0.0,
        "guidance_weight": 0.0,
        "max_words": 3,
        "test_fingerprint": "f" * 64,
        "dataset_fingerprint": "d" * 64,
        "near_duplicates": 3,
        "encoder": json.loads((artifacts.examples / "encoder.json").read_text()) | {"onnx": None},
        "distinct_captions": 1,
        "mean_words": 3.0,
        "vocabulary_used": 1,
        "vocabulary_known": 3,
    }


def test_evaluate_model_block_by_block_writes_the_same_scores(
    artifacts: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = _evaluate(artifacts, tmp_path / "whole", beam_width=2)
    monkeypatch.setattr(examples, "PHOTOS_A_BLOCK", 1)
    assert _evaluate(artifacts, tmp_path / "blocks", beam_width=2) == whole
    for name in ("captions.jsonl", "scores.json"):
        one, other = (tmp_path / folder / "scores" / name for folder in ("whole", "blocks"))
        assert one.read_bytes() == other.read_bytes()


def test_evaluate_model_writes_the_model_with_the_decoding_settings_it_was_scored_with(
    artifacts: Any, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match="must be a scored model"):
        Bundle.load(artifacts.model)
    _evaluate(artifacts, tmp_path, beam_width=2)
    scored = tmp_path / "scored_model"
    assert Bundle.load(scored).decoding == DecodingConfig(2, 1.0, max_words=3)
    files = {path.name for path in artifacts.model.iterdir()}
    assert {path.name for path in scored.iterdir()} == files | {
        "decoding.json", "confidence.json", "language.txt",
    }  # fmt: skip
    for name in files - {"SHA256SUMS"}:
        assert (scored / name).read_bytes() == (artifacts.model / name).read_bytes()


def test_evaluate_model_again_with_other_settings_leaves_earlier_artifacts_unchanged(
    artifacts: Any, tmp_path: Path
) -> None:
    first = _evaluate(artifacts, tmp_path / "first", beam_width=2)
    second = _evaluate(artifacts, tmp_path / "second", beam_width=3)
    assert directory_damage(artifacts.model) == ""
    assert checksums_fingerprint(tmp_path / "first" / "scored_model") == first["model_fingerprint"]
    assert first["model_fingerprint"] != second["model_fingerprint"]


@pytest.mark.usefixtures("no_links")
def test_evaluate_model_where_links_are_impossible_copies(artifacts: Any, tmp_path: Path) -> None:
    _evaluate(artifacts, tmp_path)
    copy = tmp_path / "scored_model" / "vocabulary.txt"
    assert copy.read_bytes() == (artifacts.model / "vocabulary.txt").read_bytes()
    assert copy.stat().st_nlink == 1


def test_evaluate_model_writes_every_caption_with_its_references(
    artifacts: Any, tmp_path: Path
) -> None:
    _evaluate(artifacts, tmp_path)
    assert sorted(path.name for path in (tmp_path / "scores").iterdir()) == [
        "SHA256SUMS",
        "captions.jsonl",
        "scores.json",
    ]
    lines = (tmp_path / "scores" / "captions.jsonl").read_text().splitlines()
    captions = dict.fromkeys(("hypothesis", "caption", "greedy"), "dog dog dog")
    rows = [json.loads(line) for line in lines]
    assert all(0 < row.pop("confidence") < 1 for row in rows)
    assert rows == [
        {"image_id": "1.png", **captions, "references": ["dog dog dog", "dog"]},
        {"image_id": "2.png", **captions, "references": ["a dog"]},
    ]


def test_evaluate_model_of_a_language_without_spaces_writes_captions_as_people_do(
    artifacts: Any, tmp_path: Path
) -> None:
    vocabulary = artifacts.model / "vocabulary.txt"
    words = vocabulary.read_text().replace("dog", "狗")
    vocabulary.unlink()
    vocabulary.write_text(words, encoding="utf-8")
    NORMALIZER.save(artifacts.model)
    write_checksums(artifacts.model)
    _evaluate(artifacts, tmp_path)
    line, _ = (tmp_path / "scores" / "captions.jsonl").read_text("utf-8").splitlines()
    row = json.loads(line)
    assert (row["hypothesis"], row["caption"]) == ("狗 狗 狗", "狗狗狗")


def test_evaluate_model_writes_a_report_despite_a_missing_photo(
    artifacts: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (artifacts.manifest / "photos" / "2.png").unlink()
    with caplog.at_level(logging.WARNING):
        _evaluate(artifacts, tmp_path)
    page = (tmp_path / "report").read_text()
    # The best with its photo, then the worst without.
    order = ("data:image/jpeg;base64,", ">1.png<", "The photo could not be read", ">2.png<")
    positions = [page.index(text) for text in order]
    assert positions == sorted(positions)
    assert page.count("data:image/jpeg;base64,") == 1
    assert "var(--dev)" in page
    assert "has no thumbnail of 2.png" in caplog.text


def test_evaluate_model_that_fails_leaves_nothing(artifacts: Any, tmp_path: Path) -> None:
    (artifacts.manifest / "report.json").unlink()
    before = set(tmp_path.iterdir())
    with pytest.raises(DataError, match=r"report\.json"):
        _evaluate(artifacts, tmp_path)
    assert set(tmp_path.iterdir()) == before
