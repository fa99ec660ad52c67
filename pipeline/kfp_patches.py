"""Patches of kfp 2.17: how kfp.local starts steps and stores results; faster `set_…` calls.

To run a step, kfp.local replaces `python3` by this interpreter's path everywhere in the step's
command, including its inputs, and without quotes. So it would look for a data set in
`python3-course/` somewhere else, and could not run a project in a folder with a space in its name.
Then it starts the command through a shell, and discards which signal ended it. Here the caller runs
the step (`local/steps/server.py`).

kfp.local names the folder of a run after the local time, which goes back an hour when daylight
saving time ends; here the caller chooses the name.

Each `set_…` method of a task inspects the whole call stack, for an error message that tasks with a
container never need. For our DAG this takes a second, half the start-up time of a command.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from kfp.dsl import PipelineTask
from kfp.local import cache, executor_input_utils, subprocess_task_handler


@contextmanager
def patched_kfp(
    folder: str, store: cache.LocalCache, *, run_step: Callable[[list[str], dict[str, str]], int]
) -> Iterator[None]:
    """Changes kfp.local within the block.

    Args:
        folder: Name of the run's folder in kfp.local's pipeline root.
        store: The cache that kfp uses.
        run_step: Runs a step and returns its exit code. Its arguments, `full_command` and
            `env_vars`, are the step's command and its environment variables.
    """
    with (
        _replaced(
            subprocess_task_handler,
            replace_python_executable=lambda command, _: command,
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
