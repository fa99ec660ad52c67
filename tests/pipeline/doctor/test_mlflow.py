import os
from pathlib import Path

import pytest

from components.registry.artifact_check import EXPERIMENT
from pipeline.doctor.mlflow import check_mlflow


@pytest.fixture(autouse=True)
def separate_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", os.environ.copy())
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_HTTP_REQUEST_MAX_RETRIES"):
        monkeypatch.delenv(name, raising=False)


def test_check_mlflow_that_writes_leaves_no_artifact_and_no_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from components.registry.client import local_tracking_uri, mlflow_client

    uri = local_tracking_uri(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    with mlflow_client() as client:
        found = check_mlflow(uri, write=True)
        assert (found.ok, found.subject) == (True, "tracking")
        assert "written, read and deleted" in found.detail
        experiment = client.get_experiment_by_name(EXPERIMENT)
        assert client.search_runs([experiment.experiment_id]) == []
    assert not list(tmp_path.rglob("doctor.txt"))


def test_check_mlflow_with_unwritable_artifacts_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from components.registry.client import local_tracking_uri, mlflow_client

    uri = local_tracking_uri(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    with mlflow_client():
        (tmp_path / "mlartifacts").write_text("a file in place of the artifact folder")
        assert check_mlflow(uri, write=False).ok
        found = check_mlflow(uri, write=True)
    assert not found.ok
    for part in ("written to", str(tmp_path / "mlartifacts"), "MLFLOW_ARTIFACTS_DESTINATION"):
        assert part in found.detail
