"""A registry with four versions of `captioner`, and no champion."""

from pathlib import Path

import pytest
from mlflow import MlflowClient

from components.registry.runs import start_run


@pytest.fixture
def client(mlflow_root: Path) -> MlflowClient:
    client = MlflowClient()
    client.create_registered_model("captioner")
    run_id = start_run("photos", "first", {})
    for _ in range(4):
        client.create_model_version("captioner", "file:///nowhere", run_id)
    return client
