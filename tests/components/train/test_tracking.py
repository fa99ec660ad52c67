from datetime import UTC, datetime
from pathlib import Path

from mlflow import MlflowClient

from components.artifacts.dataset_summary import DatasetSummary
from components.registry.runs import end_run
from components.settings.run import RunSettings
from components.settings.train import TrainSettings
from components.train.tracking import RUN_CONFIG_FILE, PipelineRun, start_training_run

_ENCODER = {"network": "InceptionV3", "sha256": "ab"}


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
    }  # fmt: skip
    assert "floors" not in run.data.params
    (logged,) = run.inputs.dataset_inputs
    assert logged.dataset.name == "flickr8k"
    written = MlflowClient().download_artifacts(run_id, RUN_CONFIG_FILE)
    assert Path(written).read_text() == config.to_yaml()


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
