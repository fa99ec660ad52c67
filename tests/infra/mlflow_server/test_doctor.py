"""The MLflow check of the setup Job, with the account of the runs, on the manifests' server."""

import os
import shutil
from typing import Any

import pytest

from pipeline.doctor.mlflow import check_mlflow


@pytest.fixture(autouse=True)
def separate_environment(environment: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", os.environ.copy())


def test_check_mlflow_writes_reads_and_deletes_an_artifact(server: Any) -> None:
    finding = check_mlflow(server.uri, write=True)
    assert finding.ok, finding.detail
    assert not list((server.folder / "artifacts").rglob("doctor.txt"))


def test_check_mlflow_of_a_server_with_a_wrong_artifact_destination_fails(
    server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The server tries several times, which takes more than a minute on a busy machine.
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "600")
    artifacts = server.folder / "artifacts"
    backup = artifacts.with_name("backup")
    shutil.move(artifacts, backup)
    artifacts.write_text("no folder")
    try:
        finding = check_mlflow(server.uri, write=True)
    finally:
        artifacts.unlink()
        shutil.move(backup, artifacts)
    assert not finding.ok
    assert "written to" in finding.detail
    assert "MLFLOW_ARTIFACTS_DESTINATION" in finding.detail
