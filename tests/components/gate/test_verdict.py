"""What the gate decides and records in the training run."""

import json
from pathlib import Path

import pytest
from judgements import (
    CAPTION,
    SCORES,
    judged,
    register_champion,
    run_of,
    write_captions,
    write_champion,
)
from mlflow import MlflowClient

from components.errors import DataError
from components.registry.rejected_candidates import candidate_key, find_rejected_candidate


def test_judge_records_scores_report_and_decision_in_the_run(
    artifacts: dict[str, str], tmp_path: Path
) -> None:
    decision = judged(artifacts)
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


def test_judge_records_the_champions_score_on_the_same_photos(
    artifacts: dict[str, str],
) -> None:
    register_champion(artifacts, "a red dog runs on the grass")
    decision = judged(artifacts)
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
    decision = judged(artifacts)
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
    decision = judged(artifacts)
    assert (decision.passed, decision.comparison, decision.champion) == (False, None, "")
    for fact in ("compared with no champion", "now v1 is the champion", "Run the pipeline again"):
        assert fact in decision.reason
    assert find_rejected_candidate("photos", _key("bleu4=60")) == ""


def _key(floors: str) -> str:
    return candidate_key('{"data": "d"}', "1", model_name="captioner", floors=floors, margin=0.0)


def test_judge_model_that_does_not_pass_registers_nothing(artifacts: dict[str, str]) -> None:
    assert not judged(artifacts, **{"floors": "bleu4=70"}).passed
    assert MlflowClient().search_registered_models() == []


def test_judge_accepts_scores_with_bleu_alone(artifacts: dict[str, str]) -> None:
    bleu = {name: SCORES[name] for name in ("bleu", "greedy", "signature", "test_fingerprint")}
    Path(artifacts["scores"], "scores.json").write_text(json.dumps(bleu))
    assert judged(artifacts).passed
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
    decision = judged(artifacts, **{"floors": ""})
    assert "BLEU-4 is nan" in decision.reason
    assert MlflowClient().get_run(run_of(artifacts)).data.tags["gate_passed"] == "false"


def test_judge_model_trained_with_another_mlflow_is_an_error(artifacts: dict[str, str]) -> None:
    Path(artifacts["model"], "training.json").write_text('{"mlflow_run_id": "elsewhere"}')
    with pytest.raises(DataError, match=r"run elsewhere is not in MLflow .*--force"):
        judged(artifacts)
