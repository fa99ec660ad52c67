import inspect
from pathlib import Path

import pytest
from kfp import dsl, local
from kfp.local import subprocess_task_handler
from kfp.local.cache import LocalCache

from pipeline.dag import captioning_pipeline
from pipeline.kfp_patches import patched_kfp, quick_settings, with_interpreter


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
    assert (
        "_KFP_RUNTIME=true exec '/my projects/venv/bin/python' -m kfp.dsl.executor_main"
        in changed[0]
    )
    assert replaced[-1] == command[-1]


@dsl.component(base_image="python", install_kfp_package=False)
def ending(how: str) -> str:
    import os

    if how == "killed":
        os.kill(os.getpid(), 9)
    if how == "failed":
        os._exit(3)
    return os.environ["WHERE"]


@pytest.mark.parametrize(
    ("how", "code", "result"), [("killed", -9, ""), ("failed", 3, ""), ("well", 0, "here")]
)
def test_patched_kfp_reports_how_a_step_ended(
    how: str, code: int, result: str, tmp_path: Path
) -> None:
    ended: list[tuple[str, int]] = []

    @dsl.pipeline(name="outer")
    def outer() -> str:
        return ending(how=how).output

    runner = local.SubprocessRunner(use_venv=False)
    local.init(runner, pipeline_root=str(tmp_path / "artifacts"), raise_on_error=False)
    with patched_kfp(
        "first",
        LocalCache(str(tmp_path / "cache")),
        variables={"WHERE": "here"},
        on_exit=lambda step, code: ended.append((step, code)),
    ):
        run = outer()
    assert ended == [("ending", code)]
    assert run.outputs.get("Output", "") == result
    assert (tmp_path / "artifacts" / "first").exists() == (not code)
    assert len(list((tmp_path / "cache").iterdir())) == (not code)


def test_patched_kfp_lasts_for_its_block(tmp_path: Path) -> None:
    before = dict(vars(subprocess_task_handler))
    with patched_kfp("first", LocalCache(str(tmp_path)), variables={}, on_exit=print):
        assert subprocess_task_handler.replace_python_executable is with_interpreter
    assert dict(vars(subprocess_task_handler)) == before


@dsl.component(base_image="python", install_kfp_package=False)
def one() -> None: ...


def test_quick_settings_sets_as_kfp_does_without_a_look_at_the_stack(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looks, stack = [0], inspect.stack

    def counted() -> list[inspect.FrameInfo]:
        looks[0] += 1
        return stack()

    monkeypatch.setattr(inspect, "stack", counted)

    @dsl.pipeline(name="outer")
    def outer() -> None:
        plain, quick = one(), one()
        plain.set_cpu_limit("2").set_memory_limit("1Gi")
        assert looks == [2]
        with quick_settings():
            quick.set_cpu_limit("2").set_memory_limit("1Gi")
        assert looks == [2]
        assert quick.container_spec.resources == plain.container_spec.resources
        plain.set_cpu_limit("2")
        assert looks == [3]


def test_quick_settings_rejects_a_task_without_a_container() -> None:
    @dsl.pipeline(name="inner")
    def inner() -> None:
        one()

    with pytest.raises(ValueError, match="Only a task with a container"):

        @dsl.pipeline(name="outer")
        def outer() -> None:
            with quick_settings():
                inner().set_cpu_limit("2")
