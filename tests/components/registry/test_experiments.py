from pathlib import Path

import pytest
from mlflow import MlflowClient

from components.registry.client import local_tracking_uri
from components.registry.experiments import experiment_identity, runs_page


def test_experiment_identity_differs_between_experiments_and_stores(
    mlflow_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = experiment_identity("photos")
    assert experiment_identity("photos") == first
    assert experiment_identity("scenes") != first
    (mlflow_root / "copy").mkdir()
    (mlflow_root / "copy" / "mlflow.db").write_bytes((mlflow_root / "mlflow.db").read_bytes())
    monkeypatch.setenv("MLFLOW_TRACKING_URI", local_tracking_uri(mlflow_root / "copy"))
    assert experiment_identity("photos") != first


def test_experiment_identity_without_create_creates_none(mlflow_root: Path) -> None:
    assert experiment_identity("photos", create=False) == ""
    assert MlflowClient().get_experiment_by_name("photos") is None


def test_experiment_is_of_the_kind_that_mlflow_lists_under_model_training(
    mlflow_root: Path,
) -> None:
    experiment_identity("photos")
    experiment = MlflowClient().get_experiment_by_name("photos")
    assert experiment.tags["mlflow.experimentKind"] == "custom_model_development"


def test_runs_page_is_the_experiments_under_model_training(mlflow_root: Path) -> None:
    experiment_identity("photos")
    number = MlflowClient().get_experiment_by_name("photos").experiment_id
    assert runs_page("photos") == (f"/#/experiments/{number}/runs?workflowType=machine_learning")
