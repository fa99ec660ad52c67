import inspect
from pathlib import Path

import pytest
from kfp import dsl, local
from kfp.local import subprocess_task_handler
from kfp.local.cache import LocalCache

from pipeline.kfp_patches import patched_kfp, quick_settings


@dsl.component(base_image="python", install_kfp_package=False)
def copying(text: str) -> str:
    return text


@pytest.mark.parametrize("code", [0, -9])
def test_patched_kfp_runs_a_step_by_the_given_function(code: int, tmp_path: Path) -> None:
    received: list[list[str]] = []

    def run_step(full_command: list[str], env_vars: dict[str, str]) -> int:
        received.append(full_command)
        return code

    @dsl.pipeline(name="outer")
    def outer() -> None:
        copying(text="/data/python3-course")

    runner = local.SubprocessRunner(use_venv=False)
    local.init(runner, pipeline_root=str(tmp_path / "artifacts"), raise_on_error=False)
    with patched_kfp("first", LocalCache(str(tmp_path / "cache")), run_step=run_step):
        outer()
    # Without the interpreter's path in it, and in the given folder.
    assert "/data/python3-course" in " ".join(received[0])
    assert str(tmp_path / "artifacts" / "first") in " ".join(received[0])
    assert len(list((tmp_path / "cache").iterdir())) == (not code)


def test_patched_kfp_lasts_for_its_block(tmp_path: Path) -> None:
    before = dict(vars(subprocess_task_handler))
    with patched_kfp("first", LocalCache(str(tmp_path)), run_step=lambda *_: 0):
        assert subprocess_task_handler.run_local_subprocess != before["run_local_subprocess"]
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
