import json
import re
from pathlib import Path
from typing import Any

import pytest
from kfp import dsl
from mlflow import MlflowClient

from components.artifacts.champion_predictions import (
    ChampionPredictions,
    write_champion_predictions,
)
from components.errors import DataError
from components.gate.component import gate
from components.gate.decision import Decision
from components.gate.verdict import judge
from components.registry.rejected_candidates import candidate_key, find_rejected_candidate
from components.registry.runs import start_run
from components.settings.release import GateSettings

SCORES: dict[str, Any] = {
    "bleu": {"bleu1": 80.5, "bleu2": 75.25, "bleu3": 70.0, "bleu4": 66.125},
    "greedy": {"bleu1": 79.0, "bleu2": 74.0, "bleu3": 68.0, "bleu4": 64.5},
    "signature": "nrefs:5|tok:none",
    "cider_d": {"beam": 180.5, "greedy": 170.25},
    "rouge_l": {"beam": 77.5, "greedy": 75.5},
    "coco_signature": "cider-d:n=4|tok:none",
    "near_duplicates": 2,
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


RULES: dict[str, Any] = {
    "training_config": '{"data": "d"}',
    "floors": "bleu4=60",
    "margin": 0.0,
    "model_name": "captioner",
    "experiment": "photos",
}
CAPTION = {
    "image_id": "1.jpg",
    "hypothesis": "a red dog runs over the grass",
    "greedy": "a dog",
    "references": ["a red dog runs over the grass", "a dog"],
}


@pytest.fixture
def artifacts(mlflow_root: Path, tmp_path: Path) -> dict[str, str]:
    model, scores = tmp_path / "model", tmp_path / "scores"
    model.mkdir()
    scores.mkdir()
    run_id = start_run("photos", "first", {})
    (model / "training.json").write_text(json.dumps({"mlflow_run_id": run_id}))
    (scores / "scores.json").write_text(json.dumps(SCORES))
    write_captions(scores, CAPTION["hypothesis"])
    write_champion(tmp_path / "baseline", None)
    # As KFP hands it over: no suffix.
    (tmp_path / "report").write_text("<h1>Ein Bär</h1>", encoding="utf-8")
    names = ("model", "scores", "report", "baseline")
    return {name: str(tmp_path / name) for name in names}


def _judge(artifacts: dict[str, str], **changed: Any) -> Decision:
    rules = {**RULES, **changed}
    training_config = rules.pop("training_config")
    return judge(**artifacts, settings=GateSettings(**rules), training_config=training_config)


def write_captions(scores: Path, caption: Any) -> None:
    """Writes what a model says of ten photos, the same of each."""
    with (scores / "captions.jsonl").open("w") as lines:
        for number in range(10):
            told = CAPTION | {"image_id": f"{number}.jpg", "hypothesis": caption}
            lines.write(json.dumps(told) + "\n")


def register_champion(artifacts: dict[str, str], caption: str) -> None:
    """Makes a champion, and writes what it says of each photo."""
    client = MlflowClient()
    client.create_registered_model("captioner")
    client.create_model_version("captioner", "file:///x", start_run("photos", "x", {}))
    client.set_registered_model_alias("captioner", "champion", "1")
    said = {f"{number}.jpg": caption for number in range(10)}
    write_champion(Path(artifacts["baseline"]), ChampionPredictions("1", captions=said))


def write_champion(directory: Path, baseline: ChampionPredictions | None) -> None:
    directory.mkdir(exist_ok=True)
    write_champion_predictions(directory, baseline)


def run_of(artifacts: dict[str, str]) -> str:
    return str(json.loads(Path(artifacts["model"], "training.json").read_text())["mlflow_run_id"])


def test_judge_notes_scores_report_and_decision_in_the_run(
    artifacts: dict[str, str], tmp_path: Path
) -> None:
    decision = _judge(artifacts)
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
    assert {name: text for name, text in run.data.tags.items() if name.startswith("gate_")} == {
        "gate_passed": "true",
        "gate_reason": decision.reason,
        "gate_near_duplicates": "2",
        "gate_champion": "",
        "gate_bleu4": "",
        "gate_champion_bleu4": "",
        "gate_interval": "",
        "gate_p_value": "",
        "gate_signature": "",
    }
    local = Path(client.download_artifacts(run.info.run_id, "", str(tmp_path)))
    assert json.loads((local / "scores.json").read_text()) == SCORES
    told = [json.loads(line) for line in (local / "captions.jsonl").read_text().splitlines()]
    assert told == [CAPTION | {"image_id": f"{number}.jpg"} for number in range(10)]
    assert (local / "report.html").read_text(encoding="utf-8") == "<h1>Ein Bär</h1>"


def test_judge_notes_what_the_champion_scores_on_the_same_photos(
    artifacts: dict[str, str],
) -> None:
    register_champion(artifacts, "a red dog runs on the grass")
    decision = _judge(artifacts)
    assert (decision.passed, decision.champion) == (True, "1")
    tags = MlflowClient().get_run(run_of(artifacts)).data.tags
    assert tags["gate_passed"] == "true"
    assert (tags["gate_champion"], tags["gate_bleu4"]) == ("1", "100.0000")
    # 6 of 7 words, 4 of 6 pairs, 2 of 5 triples, 1 of 4 fours; equal photos make equal samples.
    bleu4 = 100 * (6 / 7 * 4 / 6 * 2 / 5 * 1 / 4) ** 0.25
    assert tags["gate_champion_bleu4"] == f"{bleu4:.4f}"
    assert tags["gate_interval"] == f"{100 - bleu4:+.4f} to {100 - bleu4:+.4f}"
    assert tags["gate_p_value"] == "0.0010"
    assert "bs:1000" in tags["gate_signature"]


def test_judge_worse_than_the_champion_does_not_pass_and_is_noted_as_refused(
    artifacts: dict[str, str],
) -> None:
    write_captions(Path(artifacts["scores"]), "a red dog runs on the grass")
    register_champion(artifacts, "a red dog runs over the grass")
    decision = _judge(artifacts)
    assert not decision.passed
    assert MlflowClient().get_run(run_of(artifacts)).data.tags["gate_passed"] == "false"
    assert find_rejected_candidate("photos", _key("bleu4=60")) == decision.reason
    # By another floor it may be decided otherwise.
    assert find_rejected_candidate("photos", _key("")) == ""


def test_judge_champion_that_was_replaced_meanwhile_is_not_decided_on(
    artifacts: dict[str, str],
) -> None:
    register_champion(artifacts, "a red dog runs on the grass")
    write_champion(Path(artifacts["baseline"]), None)
    assert _judge(artifacts) == (
        False,
        "not passed: v1 is champion now, and this run compared with no champion: run the pipeline "
        "again, which takes up from here",
        None,
        "",
    )
    assert find_rejected_candidate("photos", _key("bleu4=60")) == ""


def _key(floors: str) -> str:
    rules = {"model_name": "captioner", "floors": floors}
    return candidate_key('{"data": "d"}', "1", margin=0.0, **rules)


def test_judge_model_that_does_not_pass_registers_nothing(artifacts: dict[str, str]) -> None:
    assert not _judge(artifacts, **{"floors": "bleu4=70"}).passed
    assert MlflowClient().search_registered_models() == []


def test_judge_takes_scores_of_an_earlier_version(artifacts: dict[str, str]) -> None:
    # They hold BLEU alone.
    earlier = {name: SCORES[name] for name in ("bleu", "greedy", "signature", "test_fingerprint")}
    Path(artifacts["scores"], "scores.json").write_text(json.dumps(earlier))
    assert _judge(artifacts).passed
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
    decision = _judge(artifacts, **{"floors": ""})
    assert decision.reason == "not passed: BLEU-4 is nan, which is no score"
    assert MlflowClient().get_run(run_of(artifacts)).data.tags["gate_passed"] == "false"


def test_judge_model_trained_with_another_mlflow_is_an_error(artifacts: dict[str, str]) -> None:
    Path(artifacts["model"], "training.json").write_text('{"mlflow_run_id": "elsewhere"}')
    with pytest.raises(DataError, match=r"run elsewhere is not in MLflow .*--force"):
        _judge(artifacts)


def test_gate_component_hands_out_decision_reason_and_champion(
    artifacts: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    register_champion(artifacts, "a red dog runs on the grass")
    decision = gate.python_func(
        model=dsl.Model(uri=artifacts["model"]),
        scores=dsl.Artifact(uri=artifacts["scores"]),
        report=dsl.HTML(uri=artifacts["report"]),
        baseline=dsl.Artifact(uri=artifacts["baseline"]),
        **{**GateSettings().model_dump(), **RULES, "floors": "bleu4=70"},
    )
    assert decision == (
        False,
        "not passed: BLEU-4 66.12 is under the floor 70.00",
        "1",
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
            model=dsl.Model(uri=artifacts["model"]),
            scores=dsl.Artifact(uri=artifacts["scores"]),
            report=dsl.HTML(uri=artifacts["report"]),
            baseline=dsl.Artifact(uri=artifacts["baseline"]),
            **{**GateSettings().model_dump(), **RULES},
        )
    assert caught.value.code == 2
    assert re.fullmatch(r"FAILED gate: MLFLOW_TRACKING_URI is not set.*\n", capsys.readouterr().out)
