import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Timer

import psutil
import pytest
from kfp import dsl

from pipeline.local.step_server import StepServer, step_name

PROJECT = Path(__file__).parents[3]


@dsl.component(base_image="python", install_kfp_package=False)
def ending(how: str) -> None:
    import os
    import signal
    import sys
    import tempfile
    import time

    print("out", os.environ["WHERE"], tempfile.gettempdir(), flush=True)  # noqa: T201
    print("err", os.environ.get("_KFP_RUNTIME"), "RUN_ONLY" in os.environ, file=sys.stderr)  # noqa: T201
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


@pytest.fixture(scope="module")
def server() -> Iterator[StepServer]:
    with StepServer(outer.pipeline_spec) as server:
        yield server


@pytest.mark.parametrize(
    ("how", "code"), [("well", 0), ("failed", 3), ("broken", 1), ("killed", -signal.SIGKILL)]
)
def test_run_returns_how_a_step_ended_and_prints_its_output(
    how: str, code: int, server: StepServer, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    # Of this moment, not of the time when the server started.
    monkeypatch.setenv("WHERE", "here")
    assert server.run(_command(how, tmp_path), {"TMPDIR": str(tmp_path)}) == code
    lines = capsys.readouterr().out.splitlines()
    assert f"out here {tmp_path}" in lines
    assert "err true False" in lines
    assert any("ValueError: unexpected" in line for line in lines) == (how == "broken")
    if how != "killed":
        assert not list(tmp_path.glob("tmp*"))


def test_run_of_a_second_step_does_not_know_the_variables_of_the_first(
    server: StepServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for variables in ({"WHERE": "a", "RUN_ONLY": "1"}, {"WHERE": "b"}):
        assert server.run(_command("well", tmp_path), variables) == 0
    assert "err true True" in (output := capsys.readouterr().out)
    assert "err true False" in output


def test_run_after_the_server_crashed_returns_its_signal(tmp_path: Path) -> None:
    with StepServer(outer.pipeline_spec) as server:
        # As an instruction does, while TensorFlow is imported, that the processor does not have.
        os.kill(server._process.pid, signal.SIGILL)
        assert server.run(_command("well", tmp_path), {"WHERE": "here"}) == -signal.SIGILL


def test_interrupt_ends_the_running_step(server: StepServer, tmp_path: Path) -> None:
    def interrupt() -> None:
        while not _steps(psutil.Process()):
            time.sleep(0.02)
        server.interrupt()

    timer = Timer(0, interrupt)
    timer.start()
    try:
        code = server.run(_command("waiting", tmp_path), {"WHERE": "here"})
    finally:
        timer.join()
    assert code == 1
    # It goes on with the next.
    assert server.run(_command("well", tmp_path), {"WHERE": "here"}) == 0


def _steps(run: psutil.Process) -> list[psutil.Process]:
    return [child for child in run.children(recursive=True) if child.name() == "step ending"]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a process with its parent")
def test_step_ends_when_the_run_that_started_it_is_killed(tmp_path: Path) -> None:
    (tmp_path / "run.py").write_text(
        f"""
import sys
sys.path[:0] = [{str(PROJECT)!r}, {str(Path(__file__).parent)!r}]
from pathlib import Path
from test_step_server import StepServer, _command, outer
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
