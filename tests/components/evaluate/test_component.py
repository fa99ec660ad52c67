"""The step as KFP calls it."""

import json
from pathlib import Path
from typing import Any

import pytest
from kfp.dsl import HTML, Artifact, Dataset, Metrics, Model

from components.artifacts.checksums import (
    artifact_damage,
    write_checksums,
)
from components.evaluate.component import evaluate

# Computed by hand in test_run.py.
CIDER_D = 125


def test_evaluate_component_writes_metrics_and_report(artifacts: Any, tmp_path: Path) -> None:
    scores = Artifact(uri=str(tmp_path / "scores"))
    metrics, report = Metrics(uri=str(tmp_path / "metrics")), HTML(uri=str(tmp_path / "report"))
    write_checksums(artifacts.examples)
    write_checksums(artifacts.manifest)
    evaluate.python_func(
        model=Model(uri=str(artifacts.model)),
        examples=Dataset(uri=str(artifacts.examples)),
        manifest=Dataset(uri=str(artifacts.manifest)),
        beam_width=1,
        length_penalty=1.0,
        reranking_weight=0.0,
        guidance_weight=0.0,
        scored_model=Model(uri=str(tmp_path / "scored_model")),
        scores=scores,
        metrics=metrics,
        report=report,
    )
    measured = dict(metrics.metadata)
    assert 0 <= measured.pop("selective_accuracy") <= 100
    assert 0 <= measured.pop("calibration") <= 100
    assert 0 <= measured.pop("surest_half_cider_d") <= 2 * CIDER_D
    assert measured == {
        "bleu1": 66.67,
        "bleu2": 57.74,
        "bleu3": 55.03,
        "bleu4": 0,
        "cider_d": CIDER_D,
        "rouge_l": 70.75,
        "greedy_bleu4": 0,
        "greedy_cider_d": CIDER_D,
        "greedy_rouge_l": 70.75,
        "distinct_captions": 1,
        "mean_words": 3,
        "vocabulary_used": 1,
        "images": 2,
    }
    assert json.loads((tmp_path / "metrics").read_text()) == metrics.metadata
    assert scores.metadata["bleu_signature"].startswith("nrefs:var|")
    assert scores.metadata["coco_signature"].startswith("cider-d:")
    assert (tmp_path / "report").read_text().startswith("<!DOCTYPE html>")
    assert artifact_damage(report) == ""


def test_evaluate_component_reports_an_invalid_setting_in_one_line(
    artifacts: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_checksums(artifacts.examples)
    write_checksums(artifacts.manifest)
    with pytest.raises(SystemExit) as exit_info:
        evaluate.python_func(
            model=Model(uri=str(artifacts.model)),
            examples=Dataset(uri=str(artifacts.examples)),
            manifest=Dataset(uri=str(artifacts.manifest)),
            beam_width=0,
            length_penalty=1.0,
            reranking_weight=0.0,
            guidance_weight=0.0,
            scored_model=Model(uri=str(tmp_path / "scored_model")),
            scores=Artifact(uri=str(tmp_path / "scores")),
            metrics=Metrics(),
            report=HTML(uri=str(tmp_path / "report")),
        )
    assert exit_info.value.code == 2
    last_line = capsys.readouterr().out.splitlines()[-1]
    assert last_line.startswith("FAILED evaluate: beam_width ") and "Received: 0" in last_line
