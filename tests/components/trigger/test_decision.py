import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from kfp import dsl
from mlflow import MlflowClient

from components.artifacts.checksums import write_checksums
from components.artifacts.dataset_summary import DatasetSummary
from components.registry.approval import propose, reject
from components.registry.models import ModelVersion
from components.registry.promotion import promote
from components.registry.rejected_candidates import candidate_key, record_rejected_candidate
from components.registry.runs import start_run
from components.settings.run import RunSettings
from components.trigger.component import trigger
from components.trigger.decision import Reason, compare, find_reason
from components.trigger.training_config import TrainingConfig

_CONFIG = TrainingConfig({"data": "d", "epochs": 3})
_GATE: dict[str, Any] = {"model_name": "captioner", "floors": "bleu4=40", "margin": 0.5}


def _champion(**tags: str) -> ModelVersion:
    tags = tags or {"training_config": _CONFIG.to_json()}
    return ModelVersion("4", "run", tags, datetime(2026, 11, 24, tzinfo=UTC))


def test_compare_without_a_champion_trains() -> None:
    assert compare(_CONFIG, None, force=False) == Reason(True, "Training: there is no champion yet")


def test_compare_with_a_champion_of_the_same_config_does_not_train() -> None:
    reason = compare(_CONFIG, _champion(), force=False)
    assert not reason.train
    for fact in ("No training", "champion v4", "same data, code and settings", "--force"):
        assert fact in reason.text


def test_compare_forced_trains_anyway() -> None:
    assert compare(_CONFIG, _champion(), force=True) == Reason(
        True, "Training: forced; nothing changed since champion v4",
    )  # fmt: skip


def test_compare_names_the_changes() -> None:
    now = TrainingConfig({"data": "e", "epochs": 5})
    assert compare(now, _champion(), force=False) == Reason(
        True,
        "Training: the data changed since champion v4, epochs changed from 3 (champion v4) to 5",
    )  # fmt: skip


@pytest.mark.parametrize(
    "tags", [{"other": ""}, {"training_config": ""}, {"training_config": "[]"}]
)
def test_compare_with_a_champion_without_a_training_config_trains(tags: dict[str, str]) -> None:
    reason = compare(_CONFIG, _champion(**tags), force=False)
    assert reason == Reason(True, "Training: champion v4 has no record of what it was trained on")


def _register(training_config: TrainingConfig) -> None:
    client = MlflowClient()
    client.create_registered_model("captioner")
    tags = {"training_config": training_config.to_json()}
    client.create_model_version("captioner", "file:///x", start_run("photos", "x", {}), tags=tags)
    client.set_registered_model_alias("captioner", "champion", "1")


def _events() -> list[dict[str, str]]:
    client = MlflowClient()
    experiment = client.get_experiment_by_name("photos")
    runs = client.search_runs([experiment.experiment_id], "run_name = 'no training'")
    assert all(run.info.status == "FINISHED" for run in runs)
    return [run.data.tags for run in runs]


@pytest.mark.usefixtures("mlflow_root")
def test_find_reason_not_to_train_is_recorded_in_mlflow() -> None:
    _register(_CONFIG)
    reason = find_reason(_CONFIG, RunSettings(**_GATE, experiment="photos"))
    assert not reason.train
    [event] = _events()
    assert event["reason"] == reason.text
    assert (event["model_name"], event["version"]) == ("captioner", "1")


@pytest.mark.usefixtures("mlflow_root")
def test_find_reason_to_train_records_nothing() -> None:
    _register(TrainingConfig({"data": "older"}))
    assert find_reason(_CONFIG, RunSettings(**_GATE, experiment="photos")).train
    assert _events() == []


@pytest.mark.usefixtures("mlflow_root")
def test_find_reason_does_not_train_a_rejected_candidate_again() -> None:
    _register(TrainingConfig({"data": "older"}))
    record_rejected_candidate(
        "photos", candidate_key(_CONFIG.to_json(), "1", **_GATE), "Not released: worse"
    )

    def reason(**changed: Any) -> Reason:
        return find_reason(_CONFIG, RunSettings(**{**_GATE, "experiment": "photos", **changed}))

    repeated = reason()
    assert not repeated.train
    for fact in ("No training", "rejected", "champion v1", "Not released: worse", "--force"):
        assert fact in repeated.text
    [event] = _events()
    assert event["reason"] == repeated.text
    assert reason(force=True).train
    # With other thresholds, or against another champion, it might pass.
    assert reason(floors="").train
    client = MlflowClient()
    client.create_model_version("captioner", "file:///x")
    client.set_registered_model_alias("captioner", "champion", "2")
    assert reason().train


def _propose(version: str, compared_with: str) -> None:
    key = candidate_key(_CONFIG.to_json(), compared_with, **_GATE)
    propose(
        "captioner", version, reason="Passed", compared_with=compared_with, experiment="photos",
        key=key,
    )  # fmt: skip


@pytest.mark.usefixtures("mlflow_root")
def test_find_reason_waits_for_the_approval_of_a_candidate() -> None:
    _register(TrainingConfig({"data": "older"}))
    client = MlflowClient()
    for _ in range(2):
        client.create_model_version("captioner", "file:///x")

    def reason(**changed: Any) -> Reason:
        return find_reason(_CONFIG, RunSettings(**{**_GATE, "experiment": "photos", **changed}))

    _propose("2", "1")
    waits = reason()
    assert not waits.train
    for fact in ("No training", "version 2", "waits for approval", "since 20", "approve 2 --why"):
        assert fact in waits.text
    [event] = _events()
    assert (event["reason"], event["version"]) == (waits.text, "1")
    assert reason(force=True).train
    # Another champion: the candidate can't be approved, so there is nothing to wait for.
    promote("captioner", "3", reason="by hand")
    assert reason().train
    _propose("2", "3")
    assert not reason().train
    # The same is not trained again after it was rejected.
    reject("captioner", "2", reason="too many dogs")
    rejected = reason()
    assert not rejected.train
    for fact in ("rejected", "champion v3", "version 2", "too many dogs", "--force"):
        assert fact in rejected.text


@pytest.mark.usefixtures("mlflow_root")
def test_find_reason_of_a_rejected_first_model_does_not_train_it_again() -> None:
    client = MlflowClient()
    client.create_registered_model("captioner")
    client.create_model_version("captioner", "file:///x")
    settings = RunSettings(**_GATE, experiment="photos")
    assert find_reason(_CONFIG, settings).train
    _propose("1", "")
    assert "approve 1 --why" in find_reason(_CONFIG, settings).text
    reject("captioner", "1", reason="it sees cats only")
    rejected = find_reason(_CONFIG, settings)
    assert (rejected.train, "it sees cats only" in rejected.text) == (False, True)
    assert find_reason(TrainingConfig({"data": "new"}), settings).train


@pytest.mark.usefixtures("mlflow_root")
def test_trigger_component_returns_decision_reason_and_configs(tmp_path: Path) -> None:
    directory = tmp_path / "manifest"
    directory.mkdir()
    splits = {"train": 5, "dev": 1, "test": 1}
    report = {"dataset_fingerprint": "d", "photos": 7, "captions": 35, "splits": splits}
    report["words"] = {"lengths": [0, 35], "unspaced_share": 0.0}
    (directory / "report.json").write_text(json.dumps(report))
    write_checksums(directory)
    settings = RunSettings(experiment="photos", model_name="captioner")
    wanted, reason, drift, training_config, run_config, summary = trigger.python_func(
        **settings.model_dump(), manifest=dsl.Dataset(uri=str(directory))
    )
    assert (wanted, reason, drift) == (True, "Training: there is no champion yet", "")
    assert TrainingConfig.from_json(training_config).parts["learning_rate"] == 0.002
    assert RunSettings.check(yaml.safe_load(run_config)) == settings
    assert DatasetSummary.from_json(summary) == DatasetSummary("d", 7, 35, splits)
