"""The check that ends the set-up, as the account of the runs, with the server of the manifests."""

import os
import shutil
from typing import Any

import pytest

from pipeline.doctor.mlflow import check_mlflow


@pytest.fixture(autouse=True)
def environment_of_its_own(environment: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", os.environ.copy())


def test_check_mlflow_writes_reads_and_removes_an_artifact(server: Any) -> None:
    found = check_mlflow(server.uri, write=True)
    assert found.ok, found.detail
    assert not list((server.folder / "artifacts").rglob("doctor.txt"))


def test_check_mlflow_of_a_server_with_a_wrong_artifact_address_is_wrong(server: Any) -> None:
    artifacts = server.folder / "artifacts"
    aside = artifacts.with_name("aside")
    shutil.move(artifacts, aside)
    artifacts.write_text("no folder")
    try:
        found = check_mlflow(server.uri, write=True)
    finally:
        artifacts.unlink()
        shutil.move(aside, artifacts)
    assert not found.ok
    assert "written to" in found.detail
    assert "MLFLOW_ARTIFACTS_DESTINATION" in found.detail
