"""The step as KFP calls it."""

import json
from pathlib import Path
from typing import Any

import pytest
from kfp.dsl import HTML, Artifact, Dataset, Metrics, Model

from components.artifacts.checksums import artifact_damage, write_checksums
from components.evaluate.component import evaluate

# Computed by hand in test_run.py.
CIDER_D = 125


def _evaluate(artifacts: Any, folder: Path, beam_width: int) -> dict[str, Artifact]:
    """Runs the step, and returns its outputs, which are in a folder."""
    write_checksums(artifacts.examples)
    write_checksums(artifacts.manifest)
    kinds = {"scored_model": Model, "scores": Artifact, "metrics": Metrics, "report": HTML}
    outputs = {name: kind(uri=str(folder / name)) for name, kind in kinds.items()}
    evaluate.python_func(
        model=Model(uri=str(artifacts.model)),
        examples=Dataset(uri=str(artifacts.examples)),
        manifest=Dataset(uri=str(artifacts.manifest)),
        beam_width=beam_width,
        length_penalty=1.0,
        reranking_weight=0.0,
        guidance_weight=0.0,
        **outputs,
    )
    return outputs


def test_evaluate_component_writes_metrics_and_report(artifacts: Any, tmp_path: Path) -> None:
    outputs = _evaluate(artifacts, tmp_path, beam_width=1)
    metrics, scores = outputs["metrics"].metadata, outputs["scores"].metadata
    measured = dict(metrics)
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
    assert json.loads((tmp_path / "metrics").read_text()) == metrics
    assert scores["bleu_signature"].startswith("nrefs:var|")
    assert scores["coco_signature"].startswith("cider-d:")
    assert (tmp_path / "report").read_text().startswith("<!DOCTYPE html>")
    assert artifact_damage(outputs["report"]) == ""


def test_evaluate_component_reports_an_invalid_setting_in_one_line(
    artifacts: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit_info:
        _evaluate(artifacts, tmp_path, beam_width=0)
    assert exit_info.value.code == 2
    last_line = capsys.readouterr().out.splitlines()[-1]
    assert last_line.startswith("FAILED evaluate: beam_width ") and "Received: 0" in last_line
