import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing, nullcontext
from pathlib import Path

import pytest
from disks import Disk

from components.register import captioning_process, registration
from components.registry.client import local_tracking_uri
from components.registry.runs import end_run, start_run


def test_version_survives_a_power_cut_with_all_files_of_its_model(
    disk: Disk,
    mlflow_database: Path,
    artifacts: dict[str, Path],
    of_run: Callable[[dict[str, Path], str], dict[str, Path]],
    register: Callable[..., object],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shutil.copy(mlflow_database, disk.path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", local_tracking_uri(disk.path))
    run_id = start_run("photos", "first", {})
    end_run(run_id)
    # Without the check in a new process: after 30 seconds the kernel writes everything by itself.
    monkeypatch.setattr(captioning_process, "fresh_process", nullcontext)
    monkeypatch.setattr(registration, "check_parity", lambda *_: None)
    register(of_run(artifacts, run_id), "Passed: first model", "")
    models = disk.path / "mlartifacts" / "models"
    before = _files(models)
    disk.cut_power()
    # MLflow's own connection is to the disk before the cut.
    with closing(sqlite3.connect(disk.path / "mlflow.db")) as database:
        versions = database.execute("SELECT version, source FROM model_versions").fetchall()
    (model,) = models.iterdir()
    assert versions == [(1, f"models:/{model.name}")]
    assert _files(models) == before


def _files(folder: Path) -> dict[str, bytes]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}
