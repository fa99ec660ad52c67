"""For all rooms: an MLflow store of its own for each test that asks for one; logging put back."""

import logging
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def mlflow_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    # MLflow takes seconds to make its tables: once for all tests.
    from components.platform.tracking import local_tracking_uri, mlflow_client

    root = tmp_path_factory.mktemp("mlflow")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", local_tracking_uri(root))
        with mlflow_client():
            return root / "mlflow.db"


@pytest.fixture
def mlflow_root(mlflow_database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A work folder with an empty store, which MLFLOW_TRACKING_URI names."""
    from components.platform.tracking import local_tracking_uri

    # The name is what people call folders: with a space, a letter that is not ASCII, a percent.
    root = tmp_path / "my rüns 100%"
    root.mkdir()
    shutil.copy(mlflow_database, root / "mlflow.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", local_tracking_uri(root))
    return root


@pytest.fixture(autouse=True)
def logging_put_back() -> Iterator[None]:
    # A step that runs in this process sends its log to a standard output that pytest closes.
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
