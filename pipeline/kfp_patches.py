"""Keeps kfp.local from breaking paths, asks it where a run's files go, and spares kfp a search.

kfp 2.17 puts this interpreter's path wherever `python3` stands in a step's arguments, the step's
inputs among them, and without quotes. A data set in `python3-course/` would be looked for somewhere
else, and a project in a folder with a space in its name could not run a step.

Each `set_…` of a task asks for the whole call stack with its source lines, for an error's text that
a task of a step never needs: for all of our DAG a second, half of what starting a command takes.
"""

import shlex
from collections.abc import Iterator
from contextlib import contextmanager

from kfp.dsl import PipelineTask
from kfp.local import executor_input_utils, subprocess_task_handler

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
def patched_kfp() -> Iterator[list[str]]:
    """Makes kfp.local use `with_interpreter` within the block.

    Yields:
        The names of the runs' folders in kfp.local's pipeline root: one for each run in the block.
    """
    replace = subprocess_task_handler.replace_python_executable
    make_name = executor_input_utils.get_local_pipeline_resource_name
    folders: list[str] = []

    def note_name(pipeline_name: str) -> str:
        folders.append(make_name(pipeline_name))
        return folders[-1]

    subprocess_task_handler.replace_python_executable = with_interpreter
    executor_input_utils.get_local_pipeline_resource_name = note_name
    try:
        yield folders
    finally:
        subprocess_task_handler.replace_python_executable = replace
        executor_input_utils.get_local_pipeline_resource_name = make_name


@contextmanager
def quick_settings() -> Iterator[None]:
    """Makes `set_…` of tasks ask for no call stack within the block, or the decorated function.

    Within it a task that has no container of its own can't be set, as ever, but the error does not
    name the method.
    """
    look = PipelineTask._ensure_container_spec_exists
    PipelineTask._ensure_container_spec_exists = _require_container
    try:
        yield
    finally:
        PipelineTask._ensure_container_spec_exists = look


def _require_container(task: PipelineTask) -> None:
    if task.container_spec is None:
        raise ValueError(f"This can only be set of a single step. Received: {task.name}")
