import os
import shutil
import sqlite3
import subprocess
import sys
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


# Writes more than fits into the cache, so that the file changes before the transaction ends.
_KILLED_WRITER = """
import os, signal, sqlite3, sys
database = sqlite3.connect(sys.argv[1])
database.execute("PRAGMA cache_size = 1")
for number in range(200):
    row = (f"{number}", "x" * 1000)
    database.execute("INSERT INTO registered_models (name, description) VALUES (?, ?)", row)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def half_written(mlflow_root: Path) -> Path:
    """A database whose writer was killed in a transaction."""
    database = mlflow_root / "mlflow.db"
    subprocess.run([sys.executable, "-c", _KILLED_WRITER, str(database)], check=False)
    assert (mlflow_root / "mlflow.db-journal").stat().st_size
    return database


def test_database_whose_writer_was_killed_is_restored(half_written: Path) -> None:
    check_connection()
    assert MlflowClient().search_registered_models() == []
    assert not half_written.with_name("mlflow.db-journal").exists()


def test_database_whose_writer_was_killed_is_not_called_damaged_if_it_may_only_be_read(
    half_written: Path,
) -> None:
    program = (
        "import sys; from pathlib import Path\n"
        "from components.registry.sqlite_store import prepare_store\n"
        "prepare_store(Path(sys.argv[1]))"
    )
    # Root may write to any file, unless it gives up that right.
    bound = [] if os.geteuid() else ["setpriv", "--bounding-set=-dac_override"]
    for path in (half_written, half_written.with_name("mlflow.db-journal")):
        path.chmod(0o444)
    half_written.parent.chmod(0o555)
    try:
        ended = subprocess.run(
            [*bound, sys.executable, "-c", program, str(half_written)],
            capture_output=True, text=True, check=False, cwd=Path(__file__).parents[3],
        )  # fmt: skip
    finally:
        half_written.parent.chmod(0o755)
    assert "SettingError" in ended.stderr and "killed" in ended.stderr, ended.stderr
    assert "damaged" not in ended.stderr


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
