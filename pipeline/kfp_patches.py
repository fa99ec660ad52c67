"""Patches of kfp 2.17: the interpreter's path, the names of run folders, and faster `set_…` calls.

To run a step, kfp.local replaces `python3` by this interpreter's path everywhere in the step's
command, including its inputs, and without quotes. So it would look for a data set in
`python3-course/` somewhere else, and could not run a project in a folder with a space in its name.

Each `set_…` method of a task inspects the whole call stack, for an error message that tasks with a
container never need. For our DAG this takes a second, half the start-up time of a command.
"""

import shlex
from collections.abc import Iterator
from contextlib import contextmanager

from kfp.dsl import PipelineTask
from kfp.local import executor_input_utils, subprocess_task_handler

_COMMAND = "python3 -m kfp.dsl.executor_main"


def with_interpreter(full_command: list[str], new_executable: str) -> list[str]:
    """Returns a step's command with the interpreter replaced only where it is called.

    Args:
        full_command: The step's command, one of whose parts is the shell script that runs it.
        new_executable: The interpreter's path.
    """
    quoted = _COMMAND.replace("python3", shlex.quote(new_executable), 1)
    return [part.replace(_COMMAND, quoted) for part in full_command]


@contextmanager
def patched_kfp() -> Iterator[list[str]]:
    """Makes kfp.local use `with_interpreter` within the block.

    Yields:
        The names of the folders of the runs in the block, in kfp.local's pipeline root; a name is
        added when a run starts.
    """
    replace = subprocess_task_handler.replace_python_executable
    make_name = executor_input_utils.get_local_pipeline_resource_name
    folders: list[str] = []

    def record_name(pipeline_name: str) -> str:
        folders.append(make_name(pipeline_name))
        return folders[-1]

    subprocess_task_handler.replace_python_executable = with_interpreter
    executor_input_utils.get_local_pipeline_resource_name = record_name
    try:
        yield folders
    finally:
        subprocess_task_handler.replace_python_executable = replace
        executor_input_utils.get_local_pipeline_resource_name = make_name


@contextmanager
def quick_settings() -> Iterator[None]:
    """Keeps the `set_…` methods of tasks from inspecting the call stack; also a decorator.

    A method that a task without a container does not support still raises an error, which then
    does not name the method.
    """
    original = PipelineTask._ensure_container_spec_exists
    PipelineTask._ensure_container_spec_exists = _require_container
    try:
        yield
    finally:
        PipelineTask._ensure_container_spec_exists = original


def _require_container(task: PipelineTask) -> None:
    if task.container_spec is None:
        raise ValueError(f"Only a task with a container has this setting. Received: {task.name}")
