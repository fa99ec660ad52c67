import json
import re
from pathlib import Path
from typing import Any

import pytest
from kfp import dsl
from mlflow import MlflowClient

from components.gate.component import gate
from components.gate.verdict import judge
from components.platform.errors import DataError
from components.platform.registry import start_run

SCORES: dict[str, Any] = {
    "bleu": {"bleu1": 80.5, "bleu2": 75.25, "bleu3": 70.0, "bleu4": 66.125},
    "greedy": {"bleu1": 79.0, "bleu2": 74.0, "bleu3": 68.0, "bleu4": 64.5},
    "signature": "nrefs:5|tok:none",
    "cider_d": {"beam": 180.5, "greedy": 170.25},
    "rouge_l": {"beam": 77.5, "greedy": 75.5},
    "coco_signature": "cider-d:n=4|tok:none",
    "distinct_captions": 48,
    "mean_words": 9.5,
    "vocabulary_used": 31,
    "split": "test",
    "images": 60,
    "beam_width": 5,
    "length_penalty": 1.0,
    "test_fingerprint": "f" * 64,
    "dataset_fingerprint": "d" * 64,
    "encoder": {"network": "InceptionV3", "weights": "random", "sha256": "e" * 64},
}


@pytest.fixture
def artifacts(mlflow_root: Path, tmp_path: Path) -> dict[str, str]:
    model, scores = tmp_path / "model", tmp_path / "scores"
    model.mkdir()
    scores.mkdir()
    run_id = start_run("photos", "first", {})
    (model / "training.json").write_text(json.dumps({"mlflow_run_id": run_id}))
    (scores / "scores.json").write_text(json.dumps(SCORES))
    # As KFP hands it over: no suffix.
    (tmp_path / "report").write_text("<h1>Ein Bär</h1>", encoding="utf-8")
    return {"model": str(model), "scores": str(scores), "report": str(tmp_path / "report")}


def run_of(artifacts: dict[str, str]) -> str:
    return str(json.loads(Path(artifacts["model"], "training.json").read_text())["mlflow_run_id"])


def register_champion(bleu4: str) -> None:
    client = MlflowClient()
    client.create_registered_model("captioner")
    tags = {"bleu4": bleu4, "test_fingerprint": "f" * 64, "bleu_signature": "nrefs:5|tok:none"}
    client.create_model_version("captioner", "file:///x", start_run("photos", "x", {}), tags=tags)
    client.set_registered_model_alias("captioner", "champion", "1")


def test_judge_notes_scores_report_and_decision_in_the_run(
    artifacts: dict[str, str], tmp_path: Path
) -> None:
    decision = judge(**artifacts, model_name="captioner", floor=60.0)
    assert decision.passed
    client = MlflowClient()
    run = client.get_run(run_of(artifacts))
    assert run.data.metrics == {
        "test_bleu1": 80.5,
        "test_bleu2": 75.25,
        "test_bleu3": 70.0,
        "test_bleu4": 66.125,
        "test_cider_d": 180.5,
        "test_rouge_l": 77.5,
        "test_greedy_bleu4": 64.5,
        "test_greedy_cider_d": 170.25,
        "test_greedy_rouge_l": 75.5,
        "test_distinct_captions": 48,
        "test_mean_words": 9.5,
        "test_vocabulary_used": 31,
    }
    assert run.data.tags["gate_passed"] == "true"
    assert run.data.tags["gate_reason"] == decision.reason
    local = Path(client.download_artifacts(run.info.run_id, "", str(tmp_path)))
    assert json.loads((local / "scores.json").read_text()) == SCORES
    assert (local / "report.html").read_text(encoding="utf-8") == "<h1>Ein Bär</h1>"


@pytest.mark.parametrize(("bleu4", "passed"), [("66.125", True), ("66.25", False)])
def test_judge_asks_for_the_registered_champion(
    bleu4: str, passed: bool, artifacts: dict[str, str]
) -> None:
    register_champion(bleu4)
    decision = judge(**artifacts, model_name="captioner", floor=60.0)
    assert decision.passed is passed
    assert f"champion v1's {float(bleu4):.2f}" in decision.reason
    tags = MlflowClient().get_run(run_of(artifacts)).data.tags
    assert tags["gate_passed"] == str(passed).lower()


def test_judge_model_that_does_not_pass_registers_nothing(artifacts: dict[str, str]) -> None:
    assert not judge(**artifacts, model_name="captioner", floor=70.0).passed
    assert MlflowClient().search_registered_models() == []


def test_judge_takes_scores_of_an_earlier_version(artifacts: dict[str, str]) -> None:
    # They hold BLEU alone; the champion here is of that version as well.
    register_champion("66.0")
    earlier = {name: SCORES[name] for name in ("bleu", "greedy", "signature", "test_fingerprint")}
    Path(artifacts["scores"], "scores.json").write_text(json.dumps(earlier))
    assert judge(**artifacts, model_name="captioner", floor=60.0).passed
    metrics = MlflowClient().get_run(run_of(artifacts)).data.metrics
    assert sorted(metrics) == [
        "test_bleu1",
        "test_bleu2",
        "test_bleu3",
        "test_bleu4",
        "test_greedy_bleu4",
    ]


def test_judge_notes_scores_that_are_no_numbers(artifacts: dict[str, str]) -> None:
    bleu = SCORES["bleu"] | {"bleu4": float("nan")}
    Path(artifacts["scores"], "scores.json").write_text(json.dumps(SCORES | {"bleu": bleu}))
    decision = judge(**artifacts, model_name="captioner", floor=0.0)
    assert decision.reason == "not passed: BLEU-4 is nan, which is no score"
    assert MlflowClient().get_run(run_of(artifacts)).data.tags["gate_passed"] == "false"


def test_judge_model_trained_with_another_mlflow_is_an_error(artifacts: dict[str, str]) -> None:
    Path(artifacts["model"], "training.json").write_text('{"mlflow_run_id": "elsewhere"}')
    with pytest.raises(DataError, match=r"or train again \(--force\)\. Received: elsewhere"):
        judge(**artifacts, model_name="captioner", floor=60.0)


def test_gate_component_hands_out_decision_and_reason(
    artifacts: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    decision = gate.python_func(
        dsl.Model(uri=artifacts["model"]),
        dsl.Artifact(uri=artifacts["scores"]),
        dsl.HTML(uri=artifacts["report"]),
        "captioner",
        70.0,
        0.0,
    )
    assert decision == (
        False,
        "not passed: BLEU-4 66.12 is under the floor 70.00",
    )
    assert decision[1] in capsys.readouterr().out


def test_gate_component_without_tracking_uri_fails_in_one_line(
    artifacts: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    with pytest.raises(SystemExit) as caught:
        gate.python_func(
            dsl.Model(uri=artifacts["model"]),
            dsl.Artifact(uri=artifacts["scores"]),
            dsl.HTML(uri=artifacts["report"]),
            "captioner",
            60.0,
            0.0,
        )
    assert caught.value.code == 2
    assert re.fullmatch(r"FAILED gate: MLFLOW_TRACKING_URI must name .*\n", capsys.readouterr().out)
