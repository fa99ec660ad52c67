"""The command `python -m pipeline.local`, where no run has to end for it."""

import contextlib
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from typer.testing import CliRunner

from components.artifacts.files import TRAINING_FILE, atomic_directory, write_json
from components.artifacts.training_photos import TRAINING_PHOTOS_FILE, TrainingPhotos
from pipeline.config import Settings
from pipeline.local.__main__ import app

PROJECT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def store_of_the_work_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    # Set, so that it is put back; empty, so that each run has its own.
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "")


def _command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "pipeline.local", *map(str, arguments)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--epochs", 0), "captionflow: epochs must be greater than or equal to 1. Received: '0'"),
        (("--preset", "flickr8k"), "give --dataset PATH --glove PATH"),
        (("--preset", "flickr"), "preset must be sample, small or flickr8k. Received: 'flickr'"),
        (("--dataset", "no/such/folder"), "dataset: There is nothing at this path"),
    ],
)
def test_command_with_a_wrong_value_ends_in_one_line(
    tmp_path: Path, arguments: tuple[object, ...], message: str
) -> None:
    given = ["--root", str(tmp_path / "runs"), *map(str, arguments)]
    ended = CliRunner().invoke(app, given)
    assert ended.exit_code in (2, 3)
    assert message in ended.stderr
    assert len(ended.stderr.splitlines()) == 1
    assert not (tmp_path / "runs" / "artifacts").exists()


@pytest.mark.usefixtures("bucket")
def test_command_with_no_bucket_to_upload_to_ends_before_any_work(tmp_path: Path) -> None:
    command = _command("--root", tmp_path / "runs", "--upload", "gs://no-such-bucket/tonight")
    ended = subprocess.run(command, capture_output=True, text=True, check=False, cwd=PROJECT)
    assert ended.returncode == 2
    assert "no-such-bucket" in ended.stderr and len(ended.stderr.splitlines()) == 1
    assert not (tmp_path / "runs").exists()


def test_command_check_shows_what_the_data_set_holds_and_runs_nothing(tmp_path: Path) -> None:
    given = ["--root", str(tmp_path / "runs"), "--check", "--scenes", "40", "--max-words", "5"]
    ended = CliRunner().invoke(app, given)
    assert ended.exit_code == 0, ended.output
    for fact in ("photos", "40 (sample)", "200, ", "splits from", "hash", "missing", "look-alikes",
        "100% of the captions (200) have more than 5 words",
    ):  # fmt: skip
        assert fact in " ".join(ended.stdout.split())
    assert not (tmp_path / "runs").exists()


def test_command_check_with_a_model_to_continue_from(tmp_path: Path, mlflow_database: Path) -> None:
    root = tmp_path / "runs"
    root.mkdir()
    shutil.copy(mlflow_database, root)
    with atomic_directory(tmp_path / "parent") as aside:
        write_json(aside / TRAINING_FILE, {"mlflow_run_id": "unknown"})
        TrainingPhotos(frozenset(), frozenset()).save(aside)
    given = ["--root", str(root), "--check", "--scenes", "40"]
    ended = CliRunner().invoke(app, [*given, "--start-from", str(tmp_path / "parent")])
    assert ended.exit_code == 0, ended.output
    (tmp_path / "parent" / TRAINING_PHOTOS_FILE).unlink()
    ended = CliRunner().invoke(app, [*given, "--start-from", str(tmp_path / "parent")])
    assert ended.exit_code == 3
    assert TRAINING_PHOTOS_FILE in ended.stderr
    ended = CliRunner().invoke(app, [*given, "--start-from", "models:/nothing@champion"])
    assert ended.exit_code in (2, 3)
    assert "nothing" in ended.stderr and "MLFLOW_TRACKING_URI" not in ended.stderr


def test_command_plan_with_a_model_to_continue_from_builds_no_encoder(
    tmp_path: Path, mlflow_database: Path
) -> None:
    root = tmp_path / "runs"
    root.mkdir()
    shutil.copy(mlflow_database, root)
    encoder = {"network": "MobileNet", "weights": "random", "seed": 17, "sha256": "0" * 64}
    shapes = {"decoder": "par_inject", "ensemble_size": 1, "units": 8, "embedding_width": 50}
    with atomic_directory(tmp_path / "parent") as aside:
        write_json(aside / TRAINING_FILE, {"mlflow_run_id": "unknown"})
        TrainingPhotos(frozenset(), frozenset()).save(aside)
        write_json(aside / "network.json", shapes)
        # A whole run would refuse its weights.
        write_json(aside / "encoder.json", encoder)
    given = ["--root", str(root), "--plan", "--start-from", str(tmp_path / "parent")]
    ended = CliRunner().invoke(app, given)
    assert ended.exit_code == 0, ended.output
    assert "features" in ended.stdout


def test_command_check_of_a_data_set_without_captions(tmp_path: Path) -> None:
    ended = CliRunner().invoke(app, ["--dataset", str(tmp_path), "--check"])
    assert ended.exit_code == 3
    assert "captionflow: No captions were recognised" in ended.stderr


def test_command_help_shows_every_setting_once_with_its_meaning() -> None:
    ended = subprocess.run(
        _command("--help"), capture_output=True, text=True, check=True, cwd=PROJECT,
        env={"COLUMNS": "400", "PATH": ""},
    )  # fmt: skip
    for name, field in Settings.model_fields.items():
        # Another option's meaning may name this one.
        option = re.compile(rf"\W*--{name.replace('_', '-')} ")
        lines = [line for line in ended.stdout.splitlines() if option.match(line)]
        assert len(lines) == 1, name
        assert str(field.description).split("(")[0].strip() in lines[0], name


def _is_step(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.Error):
        return process.name().startswith("step ")
    return False


def test_command_interrupted_stops_its_steps_and_says_how_to_continue(
    tmp_path: Path, mlflow_database: Path
) -> None:
    (tmp_path / "runs").mkdir()
    shutil.copy(mlflow_database, tmp_path / "runs")
    with subprocess.Popen(
        _command("--root", tmp_path / "runs"),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=PROJECT,
        # A shell without job control starts background commands, such as a CI's, without SIGINT.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as run:  # fmt: skip
        children: list[psutil.Process] = []
        # Libraries start programs too while they are imported.
        while run.poll() is None and not any(map(_is_step, children)):
            time.sleep(0.05)
            children = psutil.Process(run.pid).children(recursive=True)
        run.send_signal(signal.SIGINT)
        _, errors = run.communicate(timeout=60)
    assert run.returncode == 130
    assert errors.splitlines() == ["captionflow: stopped; run the same command to continue"]
    assert not [child for child in children if child.is_running()]
