"""Keeps kfp.local from breaking paths: it puts this interpreter's path wherever `python3` stands.

kfp 2.17 replaces the text in every argument of a step, the step's inputs among them, and without
quotes. A data set in `python3-course/` would be looked for somewhere else, and a project in a
folder with a space in its name could not run a step.
"""

import shlex
from collections.abc import Iterator
from contextlib import contextmanager

from kfp.local import subprocess_task_handler

_COMMAND = "python3 -m kfp.dsl.executor_main"


def with_interpreter(full_command: list[str], new_executable: str) -> list[str]:
    """Returns a step's command with the interpreter in the place where it is called.

    Args:
        full_command: The step's command, one of whose parts is the shell script that runs it.
        new_executable: The interpreter's path, any text.
    """
    called = _COMMAND.replace("python3", shlex.quote(new_executable), 1)
    return [part.replace(_COMMAND, called) for part in full_command]


@contextmanager
def careful_runner() -> Iterator[None]:
    """Makes kfp.local use `with_interpreter` within the block."""
    kept = subprocess_task_handler.replace_python_executable
    subprocess_task_handler.replace_python_executable = with_interpreter
    try:
        yield
    finally:
        subprocess_task_handler.replace_python_executable = kept
