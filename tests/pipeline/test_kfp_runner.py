import pytest
from kfp.local import subprocess_task_handler

from pipeline.dag import captioning_pipeline
from pipeline.kfp_runner import careful_runner, with_interpreter


@pytest.fixture
def command() -> list[str]:
    # As kfp compiles it, with the inputs that its runner puts in.
    spec = captioning_pipeline.pipeline_spec
    container = spec.deployment_spec["executors"]["exec-ingest"]["container"]
    return [*container["command"], "--executor_input", '{"dataset": "/data/python3-course"}']


def test_with_interpreter_puts_it_where_it_is_called_and_nowhere_else(command: list[str]) -> None:
    replaced = with_interpreter(command, "/my projects/venv/bin/python")
    changed = [new for old, new in zip(command, replaced, strict=True) if old != new]
    assert len(changed) == 1
    assert "_KFP_RUNTIME=true '/my projects/venv/bin/python' -m kfp.dsl.executor_main" in changed[0]
    assert replaced[-1] == command[-1]


def test_careful_runner_lasts_for_its_block() -> None:
    before = subprocess_task_handler.replace_python_executable
    with careful_runner():
        assert subprocess_task_handler.replace_python_executable is with_interpreter
    assert subprocess_task_handler.replace_python_executable is before
