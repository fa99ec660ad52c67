import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from kfp import dsl
from mlflow import MlflowClient

from components.registry.models import ModelVersion
from components.registry.rejected_candidates import candidate_key, record_rejected_candidate
from components.registry.runs import start_run
from components.trigger.component import trigger
from components.trigger.decision import Reason, compare, find_reason
from components.trigger.training_config import TrainingConfig

_RECIPE = TrainingConfig({"data": "d", "epochs": 3})
_RULES: dict[str, Any] = {"model_name": "captioner", "floors": "bleu4=40", "margin": 0.5}


def _champion(**tags: str) -> ModelVersion:
    tags = tags or {"training_config": _RECIPE.to_json()}
    return ModelVersion("4", "run", tags, datetime(2026, 11, 24, tzinfo=UTC))


def test_compare_without_a_champion_trains() -> None:
    assert compare(_RECIPE, None, force=False) == (True, "training: there is no champion yet")


def test_compare_with_a_champion_of_the_same_trains_nothing() -> None:
    reason = compare(_RECIPE, _champion(), force=False)
    assert not reason.train
    assert reason.text == (
        "no training: champion v4 has the same data, encoder and settings "
        "(--force trains all the same)"
    )


def test_compare_forced_trains_all_the_same() -> None:
    assert compare(_RECIPE, _champion(), force=True) == (
        True, "training: forced, though nothing changed since champion v4",
    )  # fmt: skip


def test_compare_says_what_changed() -> None:
    now = TrainingConfig({"data": "e", "epochs": 5})
    assert compare(now, _champion(), force=False) == (
        True, "training: since champion v4 the data changed, epochs was 3, is 5",
    )  # fmt: skip


@pytest.mark.parametrize(
    "tags", [{"other": ""}, {"training_config": ""}, {"training_config": "[]"}]
)
def test_compare_with_a_champion_of_unknown_make_trains(tags: dict[str, str]) -> None:
    reason = compare(_RECIPE, _champion(**tags), force=False)
    assert reason == (True, "training: champion v4 does not say what it was made of")


def _register(training_config: TrainingConfig) -> None:
    client = MlflowClient()
    client.create_registered_model("captioner")
    tags = {"training_config": training_config.to_json()}
    client.create_model_version("captioner", "file:///x", start_run("photos", "x", {}), tags=tags)
    client.set_registered_model_alias("captioner", "champion", "1")


def _notes() -> list[dict[str, str]]:
    client = MlflowClient()
    experiment = client.get_experiment_by_name("photos")
    runs = client.search_runs([experiment.experiment_id], "run_name = 'no training'")
    assert all(run.info.status == "FINISHED" for run in runs)
    return [run.data.tags for run in runs]


@pytest.mark.usefixtures("mlflow_root")
def test_find_reason_notes_in_mlflow_that_nothing_was_trained_and_why() -> None:
    _register(_RECIPE)
    reason = find_reason(_RECIPE, **_RULES, experiment="photos", force=False)
    assert not reason.train
    [note] = _notes()
    assert note["reason"] == reason.text
    assert (note["model_name"], note["version"]) == ("captioner", "1")


@pytest.mark.usefixtures("mlflow_root")
def test_find_reason_to_train_notes_nothing() -> None:
    _register(TrainingConfig({"data": "older"}))
    assert find_reason(_RECIPE, **_RULES, experiment="photos", force=False).train
    assert _notes() == []


@pytest.mark.usefixtures("mlflow_root")
def test_find_reason_what_the_gate_refused_is_not_trained_again() -> None:
    _register(TrainingConfig({"data": "older"}))
    record_rejected_candidate(
        "photos", candidate_key(_RECIPE.to_json(), "1", **_RULES), "not passed: it is worse"
    )

    def reason(**changed: Any) -> Reason:
        given = {**_RULES, "experiment": "photos", "force": False, **changed}
        return find_reason(_RECIPE, **given)

    assert reason() == (
        False,
        "no training: a model of the same data, encoder and settings came to nothing next to "
        "champion v1: not passed: it is worse (--force trains all the same)",
    )
    [note] = _notes()
    assert note["reason"] == reason().text
    assert reason(force=True).train
    # By another rule, or next to another champion, it may pass.
    assert reason(floors="").train
    client = MlflowClient()
    client.create_model_version("captioner", "file:///x")
    client.set_registered_model_alias("captioner", "champion", "2")
    assert reason().train


@pytest.mark.usefixtures("mlflow_root")
def test_trigger_component_puts_out_decision_reason_and_recipe(tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text(json.dumps({"dataset_fingerprint": "d"}))
    wanted, reason, training_config = trigger.python_func(
        dsl.Dataset(uri=str(tmp_path)), "InceptionV3", "random", "sample", 1, "init_inject", 1, 8,
        0, 0.5, True, 2, 64, 0.002, "cosine", 0.05, 5.0, 0.0, 5, 20, "auto", 17, 5, 1.0, 0.0,
        "bleu4=40", 0.5, False, "captioner", "photos",
    )  # fmt: skip
    assert (wanted, reason) == (True, "training: there is no champion yet")
    assert TrainingConfig.from_json(training_config).parts["learning_rate"] == 0.002
