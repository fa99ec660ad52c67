import os
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.utils.file_utils import local_file_uri_to_path

from components.registry.experiments import find_or_create
from components.registry.ownership import sync_model


def test_sync_model_syncs_each_file_and_folder_of_a_local_model(
    mlflow_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = MlflowClient()
    model = client.create_logged_model(find_or_create(client, "photos"), name="captioner")
    folder = Path(local_file_uri_to_path(model.artifact_location))
    (folder / "bundle").mkdir(parents=True)
    (folder / "bundle" / "network.json").write_text("{}")
    synced = set[Path]()
    monkeypatch.setattr(
        os, "fsync", lambda file: synced.add(Path(f"/proc/self/fd/{file}").readlink())
    )
    sync_model(client, model.model_id)
    assert folder.is_relative_to(mlflow_root)
    assert {folder, *folder.rglob("*")} <= synced
