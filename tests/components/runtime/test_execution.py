import hashlib
import logging
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from kfp.dsl import Artifact

from components.artifacts.files import atomic_directory
from components.errors import CaptionflowError, DataError, SettingError
from components.runtime.execution import run_step


def test_run_step_logs_lines_and_times(capsys: pytest.CaptureFixture[str]) -> None:
    with run_step("ingest"):
        logging.getLogger("components.ingest").info("8 photos")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "[ingest] 8 photos"
    assert re.fullmatch(r"TOOK ingest: \d+\.\d s to start, \d+\.\d s of work", lines[1])


def test_run_step_separates_start_up_from_work() -> None:
    program = """
import time
time.sleep(0.3)
from components.runtime.execution import run_step
with run_step("ingest") as ready:
    time.sleep(0.2)
    ready()
    time.sleep(0.4)
"""
    started = time.perf_counter()
    result = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True, text=True, check=True, cwd=Path(__file__).parents[3],
    )  # fmt: skip
    whole = time.perf_counter() - started
    start_up, work = map(float, re.findall(r"(\S+) s ", f"{result.stdout.strip()} "))
    assert start_up >= 0.5 and work >= 0.4
    assert start_up + work <= whole + 0.1  # each is rounded


def test_run_step_without_ready_counts_imports_as_work(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with run_step("ingest"):
        time.sleep(0.2)
    assert float(capsys.readouterr().out.split()[-4]) >= 0.2


def test_run_step_logs_only_warnings_of_libraries(capsys: pytest.CaptureFixture[str]) -> None:
    with run_step("ingest"):
        logging.getLogger("apache_beam.runners").info("a bundle")
        logging.getLogger("apache_beam.runners").warning("a worker died")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "WARNING:apache_beam.runners:a worker died"


@pytest.mark.parametrize(
    ("error", "code"), [(CaptionflowError, 1), (SettingError, 2), (DataError, 3)]
)
def test_run_step_captionflow_error_is_one_line_with_its_exit_code(
    error: type[CaptionflowError], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught, run_step("ingest"):
        raise error("epochs must be\n  positive.\nReceived: -1")
    assert caught.value.code == code
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("FAILED ingest: epochs must be") and line.endswith("Received: -1")


def test_run_step_with_a_damaged_input_fails_before_any_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    inputs = []
    for name in ("captions", "matrix"):
        with atomic_directory(tmp_path / name) as aside:
            (aside / "file").write_text(name)
        inputs.append(Artifact(uri=str(tmp_path / name)))
    with run_step("train", *inputs) as ready:
        ready()
    (tmp_path / "matrix" / "file").write_text("natrix")
    worked = False
    with pytest.raises(SystemExit) as caught, run_step("train", *inputs) as ready:
        ready()
        worked = True
    assert caught.value.code == DataError.exit_code
    assert not worked
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith(f"FAILED train: {tmp_path}/matrix/file is damaged")
    assert last.count(hashlib.sha256(b"matrix").hexdigest()) == 1
    assert last.count(hashlib.sha256(b"natrix").hexdigest()) == 1


def test_run_step_defect_prints_a_traceback_and_one_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as caught, run_step("train"):
        {}["loss"]
    assert caught.value.code == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[-1] == "FAILED train: KeyError: 'loss'"


def test_run_step_interrupted_exits_with_130(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught, run_step("train"):
        raise KeyboardInterrupt
    assert caught.value.code == 130
    assert capsys.readouterr().out == "FAILED train: interrupted\n"


_STEP = """
import sys
from components.runtime.execution import run_step
with run_step("train"):
    print("works", flush=True)
    sys.stdin.read()
"""


def test_run_step_is_interrupted_by_sigterm() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _STEP], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        cwd=Path(__file__).parents[3],
    ) as process:  # fmt: skip
        assert process.stdout is not None and process.stdout.readline() == "works\n"
        process.terminate()
        output, _ = process.communicate(timeout=30)
    assert process.returncode == 130
    assert output == "FAILED train: interrupted\n"
