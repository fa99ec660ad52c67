"""The quick part: runs that are killed in their first steps. `make faults` kills in all steps."""

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import psutil
import pytest


@pytest.fixture(scope="module")
def script() -> ModuleType:
    # The script is not part of a package.
    spec = spec_from_file_location("attempts", Path(__file__).with_name("attempts.py"))
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def attempt(script: ModuleType, mlflow_database: Path, tmp_path: Path) -> Iterator[Any]:
    """A run in its own process group, with the tables of MLflow, which take seconds to create."""
    (tmp_path / "runs").mkdir()
    shutil.copy(mlflow_database, tmp_path / "runs")
    started = script.Attempt(tmp_path / "runs")
    yield started
    if started.process.poll() is None:
        started.kill()


def _step(script: ModuleType, attempt: Any) -> psutil.Process:
    while attempt.process.poll() is None:
        if running := script.find_step(attempt.process.pid):
            process: psutil.Process = running[1]
            return process
        time.sleep(0.02)
    raise AssertionError("the run ended")


def test_run_that_is_killed_alone_ends_its_step_and_keeps_those_that_ended(
    script: ModuleType, attempt: Any, tmp_path: Path
) -> None:
    assert attempt.wait_for("trigger")
    step = _step(script, attempt)
    attempt.process.kill()
    attempt.process.communicate()
    psutil.wait_procs([step], timeout=60)
    assert not step.is_running()
    command = ["-m", "pipeline.local", "--root", str(tmp_path / "runs"), "--plan"]
    planned = subprocess.run(
        [sys.executable, *command, *script.SETTINGS],
        capture_output=True, text=True, check=True, cwd=script.PROJECT,
    )  # fmt: skip
    first = next(line for line in planned.stdout.splitlines() if line.startswith("ingest"))
    assert "from the cache" in first


def test_killed_step_is_named_with_its_signal(
    script: ModuleType, attempt: Any, tmp_path: Path
) -> None:
    attempt.wait_for("ingest")
    _step(script, attempt).kill()
    code, output = attempt.finish()
    assert code == 1
    last = output.splitlines()[-1]
    assert all(fact in last for fact in ("captionflow: ingest: ", "signal 9 (SIGKILL)", "memory"))
    assert not list((tmp_path / "runs").rglob(".*"))
    assert not list((tmp_path / "tmp").iterdir())
