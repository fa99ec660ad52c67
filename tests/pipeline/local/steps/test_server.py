import contextlib
import errno
import io
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from typing import Any

import psutil
import pytest
from kfp import dsl

from pipeline.local.steps.server import StepServer, step_name

PROJECT = Path(__file__).parents[4]


@dsl.component(base_image="python", install_kfp_package=False)
def ending(how: str) -> None:
    import atexit
    import os
    import signal
    import sys
    import tempfile
    import time

    print("out", os.environ["WHERE"], tempfile.gettempdir(), flush=True)  # noqa: T201
    print("err", os.environ.get("_KFP_RUNTIME"), "RUN_ONLY" in os.environ, file=sys.stderr)  # noqa: T201
    atexit.register(print, "last words")
    if how == "forked":
        import threading

        import tensorflow as tf

        names = [name for name in ("ORT_DISABLE_TELEMETRY", "TF2_BEHAVIOR") if name in os.environ]
        print("after importing", threading.active_count(), *names)  # noqa: T201
        print("sum", int(tf.reduce_sum(tf.ones([3, 4]))))  # noqa: T201
    if how == "message":
        sys.exit("a message")
    if how == "nothing":
        sys.exit()
    if how == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "failed":
        sys.exit(3)
    if how == "broken":
        raise ValueError("unexpected")
    if how == "waiting":
        time.sleep(600)


@dsl.pipeline(name="outer")
def outer(how: str) -> None:
    ending(how=how)


def _command(how: str, folder: Path) -> list[str]:
    container = outer.pipeline_spec.deployment_spec["executors"]["exec-ending"]["container"]
    output = folder / "executor_output.json"
    executor_input = (
        f'{{"inputs": {{"parameterValues": {{"how": "{how}"}}}}, '
        f'"outputs": {{"outputFile": "{output}"}}}}'
    )
    *arguments, function = list(container["args"])
    assert arguments[:2] == ["--executor_input", "{{$}}"]
    return [*container["command"], "--executor_input", executor_input, *arguments[2:], function]


@pytest.fixture
def server(step_server: StepServer, monkeypatch: pytest.MonkeyPatch) -> StepServer:
    # Of this moment, not of the time when the server started.
    monkeypatch.setenv("WHERE", "here")
    return step_server


@pytest.mark.parametrize(
    ("how", "code"),
    [
        ("well", 0),
        ("nothing", 0),
        ("failed", 3),
        ("message", 1),
        ("broken", 1),
        ("killed", -signal.SIGKILL),
    ],
)
def test_run_returns_how_a_step_ended_and_prints_its_output(
    how: str, code: int, server: StepServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert server.run(_command(how, tmp_path), {"TMPDIR": str(tmp_path)}) == code
    lines = capsys.readouterr().out.splitlines()
    assert f"out here {tmp_path}" in lines
    assert "err true False" in lines
    assert any("ValueError: unexpected" in line for line in lines) == (how == "broken")
    assert ("a message" in lines) == (how == "message")
    assert ("last words" in lines) == (how != "killed")
    if how != "killed":
        assert not list(tmp_path.glob("tmp*"))


def test_run_of_a_second_step_does_not_know_the_variables_of_the_first(
    server: StepServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for variables in ({"WHERE": "a", "RUN_ONLY": "1"}, {"WHERE": "b"}):
        assert server.run(_command("well", tmp_path), variables) == 0
    assert "err true True" in (output := capsys.readouterr().out)
    assert "err true False" in output


def test_run_computes_with_tensorflow_that_the_server_has_imported(
    server: StepServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert server.run(_command("forked", tmp_path), {}) == 0
    output = capsys.readouterr().out
    assert "after importing 1 ORT_DISABLE_TELEMETRY TF2_BEHAVIOR" in output
    assert re.search(r"^sum 12$", output, re.MULTILINE)


def test_run_passes_more_than_a_connection_buffers(server: StepServer, tmp_path: Path) -> None:
    assert server.run(_command("well", tmp_path), {"LONG": "x" * 5_000_000}) == 0


def test_run_whose_output_cannot_be_printed_raises_that_error_and_the_next_is_a_new_step(
    server: StepServer, tmp_path: Path
) -> None:
    class FullDisk(io.TextIOBase):
        def write(self, text: str) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    with contextlib.redirect_stdout(FullDisk()), pytest.raises(OSError, match="No space"):
        server.run(_command("failed", tmp_path), {})
    assert server.run(_command("well", tmp_path), {}) == 0


def _during(condition: Callable[[], Any], action: Callable[[], Any]) -> Thread:
    """Calls a function in a thread as soon as a condition holds."""

    def wait() -> None:
        while not condition():
            time.sleep(0.02)
        action()

    thread = Thread(target=wait)
    thread.start()
    return thread


def _steps(run: psutil.Process) -> list[psutil.Process]:
    return [child for child in run.children(recursive=True) if child.name() == "step ending"]


@pytest.mark.parametrize("running", [False, True])
def test_run_of_a_server_that_crashed_returns_its_signal(
    running: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WHERE", "here")
    with StepServer(outer.pipeline_spec) as server:
        process = psutil.Process(server._process.pid)

        def crash() -> None:
            # As an instruction does, while TensorFlow is imported, that the processor doesn't have.
            process.send_signal(signal.SIGILL)

        if running:
            thread = _during(lambda: _steps(process), crash)
        else:
            crash()
        how = "waiting" if running else "well"
        assert server.run(_command(how, tmp_path), {}) == -signal.SIGILL
        if running:
            thread.join()
        # Steps that do not depend on the first.
        assert server.run(_command("well", tmp_path), {}) == -signal.SIGILL
        server.interrupt()


def test_interrupt_ends_the_running_step(server: StepServer, tmp_path: Path) -> None:
    thread = _during(lambda: _steps(psutil.Process()), server.interrupt)
    try:
        code = server.run(_command("waiting", tmp_path), {})
    finally:
        thread.join()
    assert code == 1
    # It goes on with the next.
    assert server.run(_command("well", tmp_path), {}) == 0


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a process with its parent")
def test_step_ends_when_the_run_that_started_it_is_killed(tmp_path: Path) -> None:
    (tmp_path / "run.py").write_text(
        f"""
import sys
sys.path[:0] = [{str(PROJECT)!r}, {str(Path(__file__).parent)!r}]
from pathlib import Path
from test_server import StepServer, _command, outer
with StepServer(outer.pipeline_spec) as server:
    server.run(_command("waiting", Path({str(tmp_path)!r})), {{"WHERE": "here"}})
"""
    )
    with subprocess.Popen(
        [sys.executable, str(tmp_path / "run.py")], stdout=subprocess.PIPE, text=True, cwd=PROJECT
    ) as process:
        assert process.stdout is not None
        while process.stdout.readline() and not (steps := _steps(psutil.Process(process.pid))):
            pass
        process.kill()
    assert steps
    assert not psutil.wait_procs(steps, timeout=10)[1]


def test_step_name_is_the_function_of_the_command(tmp_path: Path) -> None:
    assert step_name(_command("well", tmp_path)) == "ending"
