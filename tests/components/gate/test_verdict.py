import json
import re
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from kfp import dsl
from mlflow import MlflowClient

from components.artifacts.champion_predictions import (
    ChampionPredictions,
    write_champion_predictions,
)
from components.artifacts.checksums import METADATA_KEY, artifact_damage, write_checksums
from components.artifacts.fingerprint import fingerprint_file
from components.artifacts.report import PLACES, place
from components.errors import DataError
from components.gate.component import gate
from components.gate.decision import Decision
from components.gate.verdict import judge
from components.registry.rejected_candidates import candidate_key, find_rejected_candidate
from components.registry.runs import start_run
from components.settings.release import GateSettings
from components.settings.run import RunSettings

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


PAGE = "<h1>Ein Bär</h1>" + "\n".join(f"<p>{name} {place(name)}</p>" for name in PLACES)
SETTINGS: dict[str, Any] = {
    "training_config": '{"data": "d"}',
    "run_config": RunSettings(epochs=9, force=True).to_yaml(),
    "drift": "",
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
    # KFP passes it without a suffix.
    (tmp_path / "report").write_text(PAGE, encoding="utf-8")
    names = ("model", "scores", "report", "baseline")
    return {name: str(tmp_path / name) for name in names}


def _judge(artifacts: dict[str, str], **changed: Any) -> Decision:
    values = {**SETTINGS, **changed}
    passed_on = {name: values.pop(name) for name in ("training_config", "run_config", "drift")}
    return judge(
        **artifacts, settings=GateSettings(**values), **passed_on,
        final_report=Path(artifacts["report"]).with_name("final_report"),
    )  # fmt: skip


def write_captions(scores: Path, caption: Any) -> None:
    """Writes a model's captions of ten photos, all the same."""
    with (scores / "captions.jsonl").open("w") as lines:
        for number in range(10):
            line = CAPTION | {"image_id": f"{number}.jpg", "hypothesis": caption}
            lines.write(json.dumps(line) + "\n")


def register_champion(artifacts: dict[str, str], caption: str) -> None:
    """Registers a champion, and writes its captions, all the same."""
    client = MlflowClient()
    client.create_registered_model("captioner")
    client.create_model_version("captioner", "file:///x", start_run("photos", "x", {}))
    client.set_registered_model_alias("captioner", "champion", "1")
    captions = {f"{number}.jpg": caption for number in range(10)}
    write_champion(Path(artifacts["baseline"]), ChampionPredictions("1", captions=captions))


def write_champion(directory: Path, baseline: ChampionPredictions | None) -> None:
    directory.mkdir(exist_ok=True)
    write_champion_predictions(directory, baseline)


def run_of(artifacts: dict[str, str]) -> str:
    return str(json.loads(Path(artifacts["model"], "training.json").read_text())["mlflow_run_id"])


def test_judge_records_scores_report_and_decision_in_the_run(
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
    }
    local = Path(client.download_artifacts(run.info.run_id, "", str(tmp_path)))
    assert json.loads((local / "scores.json").read_text()) == SCORES
    lines = [json.loads(line) for line in (local / "captions.jsonl").read_text().splitlines()]
    assert lines == [CAPTION | {"image_id": f"{number}.jpg"} for number in range(10)]
    report = (local / "report.html").read_text(encoding="utf-8")
    assert report == (tmp_path / "final_report").read_text(encoding="utf-8")
    assert report.startswith("<h1>Ein Bär</h1>")


def _shown(artifacts: dict[str, str], name: str) -> str:
    """Returns what the report says in a place."""
    page = Path(artifacts["report"]).with_name("final_report").read_text(encoding="utf-8")
    return unescape(page.partition(f"<!-- {name} -->")[2].partition("<!-- /")[0])


def test_judge_completes_the_report_with_decision_and_run(artifacts: dict[str, str]) -> None:
    decision = _judge(artifacts)
    assert _shown(artifacts, "model") == "captioner"
    assert (_shown(artifacts, "passed"), _shown(artifacts, "failed")) == ("Passed", "")
    assert decision.reason == f"Passed: {_shown(artifacts, 'reason')[:-1]}"
    assert re.fullmatch(r"20\d\d-\d\d-\d\d \d\d:\d\d UTC", _shown(artifacts, "date"))
    assert _shown(artifacts, "dataset") == "sample"
    assert "no champion" in _shown(artifacts, "champion")
    assert _shown(artifacts, "command") == "captionflow run --epochs 9 --force"
    # This run recorded no commit.
    assert "Unknown" in _shown(artifacts, "commit")
    # The step register has not decided yet.
    assert _shown(artifacts, "version") == ""
    assert "not registered yet" in _shown(artifacts, "release")


def test_judge_shows_the_commit_of_the_training(artifacts: dict[str, str]) -> None:
    run_id = run_of(artifacts)
    MlflowClient().set_tag(run_id, "mlflow.source.git.commit", "c" * 40)
    _judge(artifacts)
    assert _shown(artifacts, "commit") == "c" * 40
    MlflowClient().set_tag(run_id, "mlflow.source.git.dirty", "true")
    _judge(artifacts)
    assert _shown(artifacts, "commit") == f"{'c' * 40} with changes that are not committed"


def test_judge_shows_the_comparison_with_the_champion(artifacts: dict[str, str]) -> None:
    register_champion(artifacts, "a red dog runs on the grass")
    compared = _judge(artifacts).comparison
    assert compared is not None
    shown = _shown(artifacts, "champion")
    for number in (
        f"v1: BLEU-4 {compared.champion.bleu4:.2f} and CIDEr-D {compared.champion.cider_d:.2f}",
        f"{compared.difference:+.2f}",
        f"{compared.low:+.2f} to {compared.high:+.2f}", f"p = {compared.p_value:.3f}",
    ):  # fmt: skip
        assert number in shown


def test_judge_below_a_threshold_shows_that_nothing_was_compared(
    artifacts: dict[str, str],
) -> None:
    register_champion(artifacts, "a red dog runs on the grass")
    _judge(artifacts, floors="bleu4=70")
    assert (_shown(artifacts, "passed"), _shown(artifacts, "failed")) == ("", "Not released")
    assert _shown(artifacts, "champion") == "Champion v1: not compared"
    incomparable = ChampionPredictions("1", incomparable="has no record of its training photos")
    write_champion(Path(artifacts["baseline"]), incomparable)
    _judge(artifacts)
    assert _shown(artifacts, "champion") == "Champion v1 has no record of its training photos"


def test_judge_shows_the_drift_of_its_own_run_in_the_report(artifacts: dict[str, str]) -> None:
    # The report of evaluate is the same each time, as if it came from the cache.
    for drift in ("p = 0.003", "", "p < 0.5"):
        _judge(artifacts, drift=drift)
        assert _shown(artifacts, "drift") == (drift or PLACES["drift"])
    assert Path(artifacts["report"]).read_text(encoding="utf-8") == PAGE


def test_judge_records_the_champions_score_on_the_same_photos(
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
    # With equal photos every n-gram is in all of them: CIDEr-D is 0.
    assert (tags["gate_cider_d"], tags["gate_champion_cider_d"]) == ("0.0000", "0.0000")
    assert tags["gate_interval"] == f"{100 - bleu4:+.4f} to {100 - bleu4:+.4f}"
    assert tags["gate_p_value"] == "0.0010"
    assert "bs:1000" in tags["gate_signature"]


def test_judge_worse_than_the_champion_is_recorded_as_rejected(
    artifacts: dict[str, str],
) -> None:
    write_captions(Path(artifacts["scores"]), "a red dog runs on the grass")
    register_champion(artifacts, "a red dog runs over the grass")
    decision = _judge(artifacts)
    assert not decision.passed
    assert MlflowClient().get_run(run_of(artifacts)).data.tags["gate_passed"] == "false"
    assert find_rejected_candidate("photos", _key("bleu4=60")) == decision.reason
    # With another threshold it might pass.
    assert find_rejected_candidate("photos", _key("")) == ""


def test_judge_champion_replaced_since_rescore_is_not_compared_with(
    artifacts: dict[str, str],
) -> None:
    register_champion(artifacts, "a red dog runs on the grass")
    write_champion(Path(artifacts["baseline"]), None)
    decision = _judge(artifacts)
    assert (decision.passed, decision.comparison, decision.champion) == (False, None, "")
    for fact in ("compared with no champion", "now v1 is the champion", "Run the pipeline again"):
        assert fact in decision.reason
    assert find_rejected_candidate("photos", _key("bleu4=60")) == ""


def _key(floors: str) -> str:
    return candidate_key('{"data": "d"}', "1", model_name="captioner", floors=floors, margin=0.0)


def test_judge_model_that_does_not_pass_registers_nothing(artifacts: dict[str, str]) -> None:
    assert not _judge(artifacts, **{"floors": "bleu4=70"}).passed
    assert MlflowClient().search_registered_models() == []


def test_judge_accepts_scores_with_bleu_alone(artifacts: dict[str, str]) -> None:
    bleu = {name: SCORES[name] for name in ("bleu", "greedy", "signature", "test_fingerprint")}
    Path(artifacts["scores"], "scores.json").write_text(json.dumps(bleu))
    assert _judge(artifacts).passed
    metrics = MlflowClient().get_run(run_of(artifacts)).data.metrics
    assert sorted(metrics) == [
        "test_bleu1",
        "test_bleu2",
        "test_bleu3",
        "test_bleu4",
        "test_greedy_bleu4",
    ]


def test_judge_score_that_is_not_finite_does_not_pass(artifacts: dict[str, str]) -> None:
    bleu = SCORES["bleu"] | {"bleu4": float("nan")}
    Path(artifacts["scores"], "scores.json").write_text(json.dumps(SCORES | {"bleu": bleu}))
    decision = _judge(artifacts, **{"floors": ""})
    assert "BLEU-4 is nan" in decision.reason
    assert MlflowClient().get_run(run_of(artifacts)).data.tags["gate_passed"] == "false"


def test_judge_model_trained_with_another_mlflow_is_an_error(artifacts: dict[str, str]) -> None:
    Path(artifacts["model"], "training.json").write_text('{"mlflow_run_id": "elsewhere"}')
    with pytest.raises(DataError, match=r"run elsewhere is not in MLflow .*--force"):
        _judge(artifacts)


def _as_kfp_passes(artifacts: dict[str, str]) -> dict[str, dsl.Artifact]:
    for name in ("model", "scores", "baseline"):
        write_checksums(Path(artifacts[name]))
    metadata = {METADATA_KEY: fingerprint_file(artifacts["report"])}
    return {
        "model": dsl.Model(uri=artifacts["model"]),
        "scores": dsl.Artifact(uri=artifacts["scores"]),
        "report": dsl.HTML(uri=artifacts["report"], metadata=metadata),
        "baseline": dsl.Artifact(uri=artifacts["baseline"]),
        "final_report": dsl.HTML(uri=f"{artifacts['report']}-final"),
    }


def test_gate_component_returns_decision_reason_and_champion(
    artifacts: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    register_champion(artifacts, "a red dog runs on the grass")
    passed_on = _as_kfp_passes(artifacts)
    decision = gate.python_func(
        **passed_on,
        **{**GateSettings().model_dump(), **SETTINGS, "floors": "bleu4=70"},
    )
    passed, reason, champion = decision
    assert (passed, champion) == (False, "1")
    assert "BLEU-4 is 66.12; at least 70.00 is required (`--floors`)" in reason
    assert reason in capsys.readouterr().out
    assert artifact_damage(passed_on["final_report"]) == ""


def test_gate_component_without_tracking_uri_fails_in_one_line(
    artifacts: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    with pytest.raises(SystemExit) as caught:
        gate.python_func(
            **_as_kfp_passes(artifacts),
            **{**GateSettings().model_dump(), **SETTINGS},
        )
    assert caught.value.code == 2
    assert re.fullmatch(r"FAILED gate: MLFLOW_TRACKING_URI is not set.*\n", capsys.readouterr().out)
