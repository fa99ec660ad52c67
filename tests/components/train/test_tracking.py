import json
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from mlflow import MlflowClient

from components.artifacts.dataset_summary import DatasetSummary
from components.registry.runs import end_run
from components.registry.trainings import TRAINING_TAG
from components.runtime.retry_policy import RUN_ID_VARIABLE
from components.settings.run import RunSettings
from components.settings.train import TrainSettings
from components.train.tracking import RUN_CONFIG_FILE, PipelineRun, start_training_run

_ENCODER = {"network": "InceptionV3", "sha256": "ab", "multi_crop": False}


def test_start_training_run_is_named_after_data_encoder_and_date(mlflow_root: Path) -> None:
    config = RunSettings(dataset="/data/flickr8k.zip", floors="", epochs=3)
    summary = DatasetSummary("ab" * 32, 7, 35, {"train": 5, "dev": 1, "test": 1})
    settings = TrainSettings(epochs=3)
    before = datetime.now(UTC)
    run_id = start_training_run(
        settings, _ENCODER, PipelineRun(config.to_yaml(), summary.to_json()), training="a1"
    )
    run = MlflowClient().get_run(run_id)
    days = {f"{moment:%Y-%m-%d}" for moment in (before, datetime.now(UTC))}
    assert run.info.run_name in {f"flickr8k-InceptionV3-{day}" for day in days}
    # Every setting of the pipeline run but the empty ones.
    every = {name: str(value) for name, value in config.model_dump().items() if value != ""}
    assert run.data.params == {
        **every, "encoder_spec_network": "InceptionV3", "encoder_spec_sha256": "ab",
            "encoder_spec_multi_crop": "False",
    }  # fmt: skip
    assert "floors" not in run.data.params
    description = run.data.tags["mlflow.note.content"]
    for fact in ("captionflow-sample", "7 photos", "35 captions", "flickr8k", "InceptionV3"):
        assert fact in description
    (logged,) = run.inputs.dataset_inputs
    assert logged.dataset.name == "flickr8k"
    written = MlflowClient().download_artifacts(run_id, RUN_CONFIG_FILE)
    assert Path(written).read_text() == config.to_yaml()


def test_start_training_run_records_where_a_relative_data_set_is(mlflow_root: Path) -> None:
    summary = DatasetSummary("ab" * 32, 7, 35, {"train": 5, "dev": 1, "test": 1}).to_json()
    sources = []
    for dataset in ("pets.zip", "sample", "gs://b/dogs.zip"):
        run = PipelineRun(RunSettings(dataset=dataset).to_yaml(), summary)
        run_id = start_training_run(TrainSettings(), _ENCODER, run, training=dataset)
        (logged,) = MlflowClient().get_run(run_id).inputs.dataset_inputs
        sources.append(json.loads(logged.dataset.source)["uri"])
    assert sources == [str(Path.cwd() / "pets.zip"), "sample", "gs://b/dogs.zip"]


def test_start_training_run_with_settings_of_the_training_alone_names_no_data_set(
    mlflow_root: Path,
) -> None:
    settings = TrainSettings(epochs=3)
    summary = DatasetSummary("ab" * 32, 7, 35, {"train": 5, "dev": 1, "test": 1}).to_json()
    run = PipelineRun(settings.to_yaml(), summary)
    run_id = start_training_run(settings, _ENCODER, run, training="a1")
    recorded = MlflowClient().get_run(run_id)
    description = recorded.data.tags["mlflow.note.content"]
    assert "InceptionV3" in description and "Trains" not in description
    (logged,) = recorded.inputs.dataset_inputs
    assert json.loads(logged.dataset.source)["uri"] == ""
    assert json.loads(logged.dataset.profile)["photos"] == 7


def test_start_training_run_outside_a_pipeline_records_its_own_settings(mlflow_root: Path) -> None:
    run_id = start_training_run(TrainSettings(epochs=3), _ENCODER, PipelineRun(), training="a1")
    run = MlflowClient().get_run(run_id)
    assert run.info.run_name.startswith("InceptionV3-")
    assert run.data.params["epochs"] == "3"
    assert not run.inputs.dataset_inputs
    assert not MlflowClient().list_artifacts(run_id)


def test_start_training_run_goes_on_with_one_that_was_killed(mlflow_root: Path) -> None:
    summary = DatasetSummary("ab" * 32, 7, 35, {"train": 5, "dev": 1, "test": 1}).to_json()
    configs = [RunSettings(epochs=3, force=force).to_yaml() for force in (False, True)]
    settings = TrainSettings(epochs=3)
    first = start_training_run(settings, _ENCODER, PipelineRun(configs[0], summary), training="a1")
    end_run(first, "KILLED")
    # Not decisive, so it is the same training; MLflow can't change a parameter.
    again = start_training_run(settings, _ENCODER, PipelineRun(configs[1], summary), training="a1")
    assert again == first
    run = MlflowClient().get_run(first)
    assert (run.info.status, run.data.params["force"]) == ("RUNNING", "False")
    assert len(run.inputs.dataset_inputs) == 1


def test_start_training_run_goes_on_with_that_of_a_lost_pod(
    mlflow_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def start(kfp_run: str) -> str:
        monkeypatch.setenv(RUN_ID_VARIABLE, kfp_run)
        return start_training_run(
            TrainSettings(epochs=3), _ENCODER, PipelineRun(), training=f"a1-{kfp_run}"
        )

    first = start("run-1")
    assert start("run-1") == first
    # Another KFP run may train the same at the same time.
    assert start("run-2") != first


def test_start_training_run_ends_those_that_a_cluster_lost_long_ago(
    mlflow_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = MlflowClient()
    experiment = client.create_experiment("captionflow")
    of_cluster = {TRAINING_TAG: "a1-run-1", "kfp.pipeline_run_id": "run-1"}
    now, hour = time.time(), 3600
    runs = {
        name: client.create_run(
            experiment, start_time=int((now - age * hour) * 1000), tags=tags
        ).info.run_id
        for name, age, tags in (
            ("lost", 73, of_cluster),
            ("may be running", 71, of_cluster),
            ("local", 73, {TRAINING_TAG: "b2"}),
            ("of KFP's plugin", 73, {"kfp.pipeline_run_id": "run-1"}),
        )
    }
    monkeypatch.setenv(RUN_ID_VARIABLE, "run-2")
    settings = TrainSettings(experiment="captionflow")
    start_training_run(settings, _ENCODER, PipelineRun(), training="c3-run-2")
    statuses = {name: client.get_run(run_id).info.status for name, run_id in runs.items()}
    assert statuses == {**dict.fromkeys(runs, "RUNNING"), "lost": "KILLED"}
