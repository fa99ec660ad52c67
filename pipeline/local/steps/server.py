"""Runs the steps of a local run, each in a process of its own that need not import its libraries.

kfp.local starts a new Python process for each step. Six of the ten then import TensorFlow, for five
seconds each. Here one process imports what the steps import, while the run is being prepared, and
each step is a fork of it.
"""

import ast
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from multiprocessing.reduction import send_handle
from typing import Any

import psutil

# The argument before the step's name.
_FUNCTION = "--function_to_execute"
# Seconds that the processes of a step have to exit after an interrupted run, and that the server
# has to remove its temporary files at the end of a run.
_GRACE, _END = 10, 1
# MLflow imports its SQLite store when a step connects to it, which takes most of a second.
_SQLITE_STORE = {
    "mlflow.store.tracking.sqlalchemy_store",
    "mlflow.store.model_registry.sqlalchemy_store",
}
# Without this variable, KFP imports all that compiles pipelines, too.
_KFP_RUNTIME = {"_KFP_RUNTIME": "true"}


class StepServer:
    """Runs steps, one after the other; a context manager, at whose end its processes end.

    A step differs from a new process in three ways: its random hash seed and NumPy's global
    generator are those of all steps of this server, its working directory is that in which the
    server was started, and libraries were imported with the environment variables of that time.

    Args:
        spec: The pipeline's `PipelineSpec`, with the source code of all steps.
    """

    def __init__(self, spec: Any) -> None:
        executors = spec.deployment_spec["executors"].values()
        sources = [executor["container"]["command"][-1] for executor in executors]
        modules = {module for source in sources for module in _imports(source)}
        if modules and not os.environ.get("MLFLOW_TRACKING_URI", "").startswith("http"):
            modules |= _SQLITE_STORE
        # The frameworks of macOS do not survive a fork, so there each step imports its libraries.
        preloaded = sorted({"kfp.dsl.executor_main", *modules}) if sys.platform == "linux" else []
        # Whether a step was started whose exit code has not been received.
        self._unfinished = False
        self._connection, theirs = Pipe()
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 # our own program, without a shell
                [
                    *(sys.executable, "-m", f"{__package__}.process"),
                    *(str(theirs.fileno()), str(os.getpid()), *preloaded),
                ],
                pass_fds=[theirs.fileno()],
                env={**os.environ, **_KFP_RUNTIME},
                stdin=subprocess.DEVNULL,
                # Libraries print while they are imported; what a step prints is read from a pipe.
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )

    def run(self, command: Sequence[str], variables: Mapping[str, str]) -> int:
        """Runs a step and prints its output, including what it writes to standard error.

        Args:
            command: The step's command, as KFP compiles it: `sh -ec SCRIPT SOURCE ARGUMENTS…`.
            variables: Environment variables of the step, in addition to those of this process.

        Returns:
            The exit code of the step's process; negative: the signal that ended it. If the server
            has crashed, as when a library crashes while it is imported, its exit code.
        """
        reader, writer = Pipe(duplex=False)
        with reader:
            with writer:
                if not self._request(command, variables, writer):
                    return self._process.wait() or 1
            with open(reader.fileno(), errors="replace", closefd=False) as lines:
                for line in lines:
                    print(line, end="")  # noqa: T201 # kfp.local indents it
        print()  # noqa: T201 # a blank line after each step
        code = self._receive_code()
        return self._process.wait() or 1 if code is None else code

    def interrupt(self) -> None:
        """Interrupts the running step and its processes; kills those that do not exit."""
        # Ctrl-C in a terminal also reaches the steps; other signals reach only this process.
        children = self._children()
        for child in children:
            with contextlib.suppress(psutil.NoSuchProcess):
                child.send_signal(signal.SIGINT)
        for child in psutil.wait_procs(children, timeout=_GRACE)[1]:
            with contextlib.suppress(psutil.NoSuchProcess):
                child.kill()

    def __enter__(self) -> "StepServer":
        """Returns itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Ends the processes."""
        for child in self._children():
            with contextlib.suppress(psutil.NoSuchProcess):
                child.kill()
        self._connection.close()
        try:
            self._process.wait(_END)
        except subprocess.TimeoutExpired:  # it is still importing
            self._process.kill()
            self._process.wait()

    def _request(
        self, command: Sequence[str], variables: Mapping[str, str], output: Connection
    ) -> bool:
        """Asks the server to run a step; returns False if it has crashed."""
        _, _, _, source, *arguments = command
        request = {
            "name": step_name(command),
            "source": source,
            "arguments": arguments,
            "environment": {**os.environ, **variables, **_KFP_RUNTIME},
        }
        # That of a step whose run was interrupted.
        if self._unfinished and self._receive_code() is None:
            return False
        self._unfinished = True
        try:
            self._connection.send_bytes(json.dumps(request).encode())
            send_handle(self._connection, output.fileno(), self._process.pid)
        except (OSError, RuntimeError):
            return False
        return True

    def _receive_code(self) -> int | None:
        """Returns the exit code of the step, when it has ended; None if the server has crashed."""
        try:
            code = int(self._connection.recv_bytes())
        except (EOFError, OSError):
            return None
        self._unfinished = False
        return code

    def _children(self) -> list[psutil.Process]:
        """Returns the processes of the running step."""
        try:
            return psutil.Process(self._process.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return []


def step_name(command: Sequence[str]) -> str:
    """Returns the name of the step that a command runs."""
    return command[command.index(_FUNCTION) + 1]


def _imports(source: str) -> set[str]:
    """Returns the modules of this package that the source code of a step imports."""
    nodes = ast.walk(ast.parse(source))
    modules = {node.module for node in nodes if isinstance(node, ast.ImportFrom)}
    return {module for module in modules if module and module.startswith("components.")}
