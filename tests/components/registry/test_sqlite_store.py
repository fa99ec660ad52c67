import os
import shutil
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from mlflow import MlflowClient

from components.errors import SettingError
from components.registry.client import check_connection, local_tracking_uri
from components.registry.runs import log_text, start_run


def _garbage(database: Path) -> None:
    database.write_bytes(b"a text that is long enough to be no database at all" * 100)


def _truncated(database: Path) -> None:
    os.truncate(database, database.stat().st_size // 3)


def _folder(database: Path) -> None:
    database.unlink()
    database.mkdir()


def _schema(database: Path, revision: str) -> None:
    with sqlite3.connect(database) as connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", (revision,))
    connection.close()


def _newer(database: Path) -> None:
    _schema(database, "f00000000000")


def _older(database: Path) -> None:
    # The first schema that MLflow ever had.
    _schema(database, "451aebb31d03")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_garbage, "is damaged"),
        (_truncated, "is damaged"),
        (_folder, "must be a file"),
        (_newer, r"newer version of MLflow \(schema f00000000000"),
        (_older, "older version of MLflow.* `mlflow db upgrade"),
    ],
)
def test_unusable_database_is_one_line_within_seconds(
    change: Callable[[Path], None], message: str, mlflow_root: Path
) -> None:
    change(mlflow_root / "mlflow.db")
    started = time.monotonic()
    with pytest.raises(SettingError, match=message) as caught:
        check_connection()
    assert time.monotonic() - started < 5
    assert str(mlflow_root / "mlflow.db") in str(caught.value)
    assert "\n" not in str(caught.value)


def test_locked_database_is_one_line_within_seconds(mlflow_root: Path) -> None:
    other = sqlite3.connect(mlflow_root / "mlflow.db")
    other.execute("BEGIN EXCLUSIVE")
    started = time.monotonic()
    with pytest.raises(SettingError, match="locked by another process"):
        check_connection()
    assert time.monotonic() - started < 5
    other.close()
    check_connection()


def test_moved_store_finds_and_keeps_its_artifacts(
    mlflow_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = start_run("photos", "first", {})
    log_text(run_id, "a dog runs", "captions.txt")
    model = MlflowClient().create_logged_model(_experiment(), name="m", source_run_id=run_id)
    MlflowClient().create_registered_model("captioner")
    MlflowClient().create_model_version("captioner", f"models:/{model.model_id}", run_id)
    moved = mlflow_root.rename(mlflow_root.parent / "moved here #2")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", local_tracking_uri(moved))
    check_connection()
    client = MlflowClient()
    # MLflow remembers the place of a run that this process has used.
    log_text(start_run("photos", "second", {}), "a cat sleeps", "captions.txt")
    assert not mlflow_root.exists()
    places = [
        client.get_run(run_id).info.artifact_uri,
        client.get_logged_model(model.model_id).artifact_location,
        client.get_experiment(_experiment()).artifact_location,
        client.get_model_version_download_uri("captioner", "1"),
    ]
    assert all(place.startswith((moved / "mlartifacts").as_uri()) for place in places)


def test_copied_store_uses_its_own_artifacts(
    mlflow_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = start_run("photos", "first", {})
    log_text(run_id, "a dog runs", "captions.txt")
    copy = Path(shutil.copytree(mlflow_root, mlflow_root.parent / "copy"))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", local_tracking_uri(copy))
    check_connection()
    uri = MlflowClient().get_run(run_id).info.artifact_uri
    assert uri.startswith((copy / "mlartifacts").as_uri())
    log_text(start_run("photos", "second", {}), "a cat sleeps", "captions.txt")
    assert len(list(mlflow_root.rglob("captions.txt"))) == 1


def test_store_with_artifacts_elsewhere_is_not_changed(mlflow_root: Path, tmp_path: Path) -> None:
    elsewhere = (tmp_path / "elsewhere" / "mlartifacts").as_uri()
    experiment = MlflowClient().create_experiment("kept", elsewhere)
    check_connection()
    assert MlflowClient().get_experiment(experiment).artifact_location == elsewhere


def _experiment() -> str:
    found = MlflowClient().get_experiment_by_name("photos")
    assert found is not None
    return str(found.experiment_id)
