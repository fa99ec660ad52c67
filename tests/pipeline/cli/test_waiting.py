"""Commands say what they are doing before they load libraries, which takes seconds."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[3]
# What takes longest to import, besides TensorFlow.
_SLOW = ("tensorflow", "mlflow", "apache_beam", "kfp", "scipy", "sklearn", "pyarrow", "uvicorn")


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(PROJECT)}


@pytest.mark.parametrize(
    ("arguments", "first", "then"),
    [
        (["caption", "x.jpg", "--bundle", "none"], "Loading the model …", "none"),
        (["run", "--plan", "--glove", "none.txt"], "Planning the run …", "none.txt"),
        (["models", "list"], "Reading the model registry …", "There are no runs"),
    ],
)
def test_command_on_a_terminal_announces_what_takes_time(
    arguments: list[str], first: str, then: str, tmp_path: Path
) -> None:
    terminal, end = pty.openpty()
    environment = _environment()
    environment.pop("MLFLOW_TRACKING_URI", None)
    ended = subprocess.run(
        [sys.executable, "-m", "pipeline.cli", *arguments],
        stdout=subprocess.PIPE,
        stderr=end,
        cwd=tmp_path,
        env=environment,
        check=False,
    )
    os.close(end)
    shown = os.read(terminal, 10_000).decode()
    os.close(terminal)
    assert ended.returncode != 0 and ended.stdout == b""
    assert shown.splitlines()[0] == first
    assert then in shown


def test_program_loads_nothing_slow_before_a_command_announces_itself() -> None:
    code = "import json, sys; import pipeline.cli.app; print(json.dumps(list(sys.modules)))"
    ended = subprocess.run(
        [sys.executable, "-c", code], env=_environment(), check=True, capture_output=True, text=True
    )
    assert [name for name in _SLOW if name in json.loads(ended.stdout)] == []
