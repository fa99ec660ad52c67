"""Patches of kfp 2.17: how kfp.local starts steps and stores results; faster `set_…` calls.

To run a step, kfp.local replaces `python3` by this interpreter's path everywhere in the step's
command, including its inputs, and without quotes. So it would look for a data set in
`python3-course/` somewhere else, and could not run a project in a folder with a space in its name.

kfp.local starts a step through a shell. Here the step replaces the shell, so that its exit code
tells which signal ended it, and the step can notice when this process ends. kfp discards the exit
code; here it is reported.

kfp.local names the folder of a run after the local time, which goes back an hour when daylight
saving time ends; here the caller chooses the name.

Each `set_…` method of a task inspects the whole call stack, for an error message that tasks with a
container never need. For our DAG this takes a second, half the start-up time of a command.
"""

import shlex
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from kfp.dsl import PipelineTask
from kfp.local import cache, executor_input_utils, subprocess_task_handler

_COMMAND = "python3 -m kfp.dsl.executor_main"
# The argument before the step's name.
_FUNCTION = "--function_to_execute"


def with_interpreter(full_command: list[str], new_executable: str) -> list[str]:
    """Returns a step's command with the interpreter replaced only where the command calls it.

    Args:
        full_command: The step's command, one of whose parts is the shell script that runs it.
        new_executable: The interpreter's path.
    """
    quoted = _COMMAND.replace("python3", f"exec {shlex.quote(new_executable)}", 1)
    return [part.replace(_COMMAND, quoted) for part in full_command]


@contextmanager
def patched_kfp(
    folder: str,
    store: cache.LocalCache,
    *,
    variables: Mapping[str, str],
    on_exit: Callable[[str, int], None],
) -> Iterator[None]:
    """Changes kfp.local within the block.

    Args:
        folder: Name of the run's folder in kfp.local's pipeline root.
        store: The cache that kfp uses.
        variables: Environment variables of the steps.
        on_exit: Called when the process of a step has ended, with the step's name and the exit
            code, which is negative if a signal ended it.
    """
    run = subprocess_task_handler.run_local_subprocess

    def run_step(full_command: list[str], env_vars: dict[str, str] | None = None) -> int:
        code: int = run(full_command, {**(env_vars or {}), **variables})
        on_exit(full_command[full_command.index(_FUNCTION) + 1], code)
        return code

    with (
        _replaced(
            subprocess_task_handler,
            replace_python_executable=with_interpreter,
            run_local_subprocess=run_step,
        ),
        _replaced(executor_input_utils, get_local_pipeline_resource_name=lambda _: folder),
        _replaced(cache, get_local_cache=lambda: store),
    ):
        yield


@contextmanager
def _replaced(module: ModuleType, **functions: Any) -> Iterator[None]:
    originals = {name: getattr(module, name) for name in functions}
    try:
        vars(module).update(functions)
        yield
    finally:
        vars(module).update(originals)


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
