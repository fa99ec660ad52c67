"""Runs that end in each way; a killed one is a process of its own."""

import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from disks import Disk
from mlflow import MlflowClient

from components.registry.ownership import RUN_TAG, RUN_VARIABLE
from components.registry.runs import start_run
from components.storage.durability import sync_tree
from pipeline.local.run_folder import LOCK_FILE, RunFolder, clear_killed_runs, new_run_folder

_KILLED = """
import os, signal, sys
from pathlib import Path
from pipeline.local.run_folder import new_run_folder

with new_run_folder(Path(sys.argv[1])) as folder:
    print(folder.path, folder.temporary, sep="\\n", flush=True)
    sys.stdin.read()
"""


def _start(root: Path, temporary: Path) -> tuple[subprocess.Popen[str], RunFolder]:
    """Starts a run that waits, in another process."""
    process = subprocess.Popen(
        [sys.executable, "-c", _KILLED, str(root)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[3],
        env={**os.environ, "TMPDIR": str(temporary)},
    )  # fmt: skip
    assert process.stdout is not None
    return process, RunFolder(*(Path(process.stdout.readline().strip()) for _ in range(2)))


def _work(folder: RunFolder) -> None:
    """Does what a run has done when its second step is killed."""
    for step in ("ingest", "train"):
        (folder.path / step / "made").mkdir(parents=True)
    (folder.path / "ingest" / "executor_output.json").write_text("{}")
    (folder.path / "train" / ".model-x1").mkdir()
    (folder.temporary / "tmp.1").mkdir()


def _cache(root: Path, artifact: Path) -> None:
    """Stores what the cache stores of an artifact."""
    (root / "cache").mkdir()
    (root / "cache" / "0.json").write_text(json.dumps({"made": {"uri": str(artifact)}}))


@pytest.fixture
def other(mlflow_root: Path, tmp_path: Path) -> tuple[subprocess.Popen[str], RunFolder]:
    """A living run, in another process."""
    process, folder = _start(mlflow_root, tmp_path)
    _work(folder)
    return process, folder


def test_new_run_folder_is_named_after_the_time_in_utc(mlflow_root: Path) -> None:
    with new_run_folder(mlflow_root) as folder:
        name = folder.path.name
    started = datetime.strptime(name, "captionflow-%Y-%m-%d-%H-%M-%S-%fZ").replace(tzinfo=UTC)
    assert timedelta() <= datetime.now(UTC) - started < timedelta(minutes=1)


def test_new_run_folder_of_a_run_that_succeeds_keeps_its_artifacts_alone(mlflow_root: Path) -> None:
    with new_run_folder(mlflow_root) as folder:
        _work(folder)
        (folder.path / "train" / "executor_output.json").write_text("{}")
    assert (folder.path / "train" / "made").is_dir()
    assert not list(folder.path.rglob(".*"))
    assert not folder.temporary.exists()


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_new_run_folder_of_a_run_that_fails_keeps_finished_steps_alone(
    mlflow_root: Path, error: type[BaseException]
) -> None:
    with pytest.raises(error), new_run_folder(mlflow_root) as folder:
        _work(folder)
        raise error
    assert [path.name for path in folder.path.iterdir() if path.name != LOCK_FILE] == ["ingest"]
    assert not folder.temporary.exists()


def test_clear_killed_runs_leaves_a_living_run_alone(
    other: tuple[subprocess.Popen[str], RunFolder], mlflow_root: Path
) -> None:
    process, folder = other
    assert clear_killed_runs(mlflow_root) == []
    assert (folder.path / "train" / ".model-x1").is_dir()
    assert folder.temporary.is_dir()
    process.communicate("")
    assert process.returncode == 0


def test_clear_killed_runs_removes_what_a_killed_run_left(
    other: tuple[subprocess.Popen[str], RunFolder],
    mlflow_root: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    process, folder = other
    monkeypatch.setenv(RUN_VARIABLE, folder.path.name)
    training = start_run("photos", "train", {})
    monkeypatch.delenv(RUN_VARIABLE)
    running = start_run("photos", "train", {})
    client = MlflowClient()
    experiment = client.get_run(training).info.experiment_id
    registered = client.create_logged_model(
        experiment, name="registered", source_run_id=training, tags={RUN_TAG: folder.path.name}
    )
    client.create_logged_model(
        experiment, name="unused", source_run_id=training, tags={RUN_TAG: folder.path.name}
    )
    client.create_registered_model("captioner")
    client.create_model_version("captioner", f"models:/{registered.model_id}", training)
    asides = [mlflow_root / name for name in (".1-report.html", "checkpoints/.1-x.npz")]
    for aside in asides:
        aside.parent.mkdir(exist_ok=True)
        aside.touch()
    _cache(mlflow_root, folder.path / "ingest" / "made")
    process.send_signal(signal.SIGKILL)
    process.communicate()

    assert clear_killed_runs(mlflow_root) == [folder.path.name]

    assert [path.name for path in folder.path.iterdir()] == ["ingest"]
    assert not folder.temporary.exists()
    assert not any(aside.exists() for aside in asides)
    assert client.get_run(training).info.status == "KILLED"
    assert client.get_run(running).info.status == "RUNNING"
    remaining = client.search_logged_models([experiment])
    assert [model.model_id for model in remaining] == [registered.model_id]
    assert clear_killed_runs(mlflow_root) == []


def test_clear_killed_runs_removes_the_result_of_a_step_that_was_not_cached_yet(
    other: tuple[subprocess.Popen[str], RunFolder], mlflow_root: Path
) -> None:
    process, folder = other
    for step in ("evaluate", "gate"):
        (folder.path / step / "made").mkdir(parents=True)
        (folder.path / step / "executor_output.json").write_text("{}")
    _cache(mlflow_root, folder.path / "ingest" / "made")
    process.kill()
    process.communicate()
    clear_killed_runs(mlflow_root)
    # The result of the gate is never cached.
    assert {path.name for path in folder.path.iterdir()} == {"ingest", "gate"}


def test_clear_killed_runs_removes_the_temporary_folder_of_a_run_that_a_power_cut_ended(
    disk: Disk, mlflow_root: Path
) -> None:
    process, folder = _start(disk.path / "runs", disk.path)
    # As when a step syncs its result, after which the disk knows the run's folders.
    (folder.temporary / "made").touch()
    sync_tree(folder.temporary)
    disk.power_off()
    process.kill()
    process.communicate()
    disk.power_on()
    assert folder.temporary.is_dir()
    assert clear_killed_runs(disk.path / "runs") == [folder.path.name]
    assert not folder.temporary.exists()


def test_clear_killed_runs_removes_no_folder_that_is_not_temporary(
    mlflow_root: Path, tmp_path: Path
) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    run = mlflow_root / "artifacts" / "captionflow-2026-11-30-10-00-00-000000Z"
    run.mkdir(parents=True)
    (run / LOCK_FILE).write_text(f'"{photos}"')
    clear_killed_runs(mlflow_root)
    assert photos.is_dir()
    assert not run.exists()


def test_clear_killed_runs_without_mlflow_leaves_them_to_a_later_run(
    mlflow_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = mlflow_root / "artifacts" / "captionflow-2026-11-30-10-00-00-000000Z"
    run.mkdir(parents=True)
    (run / LOCK_FILE).touch()
    with monkeypatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{mlflow_root}/artifacts")
        clear_killed_runs(mlflow_root)
        assert (run / LOCK_FILE).exists()
    clear_killed_runs(mlflow_root)
    assert not run.exists()
