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
from multiprocessing.reduction import send_handle
from typing import Any

import psutil

# The argument before the step's name.
_FUNCTION = "--function_to_execute"
# Seconds that the processes of a step have to exit after an interrupted run.
_GRACE = 10


class StepServer:
    """Runs steps, one after the other; a context manager, at whose end its processes end.

    Args:
        spec: The pipeline's `PipelineSpec`, with the source code of all steps.
    """

    def __init__(self, spec: Any) -> None:
        executors = spec.deployment_spec["executors"].values()
        sources = [executor["container"]["command"][-1] for executor in executors]
        modules = {module for source in sources for module in _imports(source)}
        # The frameworks of macOS do not survive a fork, so there each step imports its libraries.
        preloaded = sorted({"kfp.dsl.executor_main", *modules}) if sys.platform == "linux" else []
        self._connection, theirs = Pipe()
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 # our own program, without a shell
                [
                    *(sys.executable, "-m", f"{__package__}.step_process"),
                    *(str(theirs.fileno()), *preloaded),
                ],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                # Libraries print while they are imported; what a step prints is read from a pipe.
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )

    def run(self, command: Sequence[str], variables: Mapping[str, str]) -> int:
        """Runs a step and prints its output, including what it writes to standard error.

        Args:
            command: The step's command, as KFP compiles it: `sh -c SCRIPT SOURCE ARGUMENTS…`.
            variables: Environment variables of the step, in addition to those of this process.

        Returns:
            The exit code of the step's process; negative: the signal that ended it.
        """
        _, _, _, source, *arguments = command
        request = {
            "name": step_name(command),
            "source": source,
            "arguments": arguments,
            "environment": {**os.environ, **variables},
        }
        reader, writer = Pipe(duplex=False)
        try:
            with writer:
                self._connection.send_bytes(json.dumps(request).encode())
                send_handle(self._connection, writer.fileno(), self._process.pid)
            with reader, open(reader.fileno(), errors="replace", closefd=False) as lines:
                for line in lines:
                    print(line, end="")  # noqa: T201 # kfp.local indents it
            print()  # noqa: T201 # a blank line after each step
            return int(self._connection.recv_bytes())
        except (EOFError, OSError):
            # The process that steps are forked from has ended, as when a library crashes in it.
            return self._process.wait() or 1

    def interrupt(self) -> None:
        """Interrupts the running step and its processes; kills those that do not exit."""
        # Ctrl-C in a terminal also reaches the steps; other signals reach only this process.
        children = psutil.Process(self._process.pid).children(recursive=True)
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
        self._connection.close()
        self._process.kill()
        self._process.wait()


def step_name(command: Sequence[str]) -> str:
    """Returns the name of the step that a command runs."""
    return command[command.index(_FUNCTION) + 1]


def _imports(source: str) -> set[str]:
    """Returns the modules of this package that the source code of a step imports."""
    nodes = ast.walk(ast.parse(source))
    modules = {node.module for node in nodes if isinstance(node, ast.ImportFrom)}
    return {module for module in modules if module and module.startswith("components.")}
