"""What a cluster's retries come to, by kfp.local, which honours them too."""

from pathlib import Path

import pytest
from kfp import dsl, local

from components.runtime.retry_policy import RUN_ID_VARIABLE
from components.runtime.step import step


@step()
def broken(folder: str, error: str) -> None:
    from components.runtime.execution import run_step

    with run_step("broken"):
        from pathlib import Path

        from components import errors

        with Path(folder, "attempts").open("a") as file:
            file.write("x")
        raise getattr(errors, error)("the photos are gone")


@dsl.pipeline
def fails(folder: str, error: str) -> None:
    broken(folder=folder, error=error).set_retry(1, backoff_duration="0s").set_caching_options(
        False
    )


@pytest.mark.parametrize(("error", "attempts"), [("DataError", 1), ("CaptionflowError", 2)])
def test_retries_repeat_what_may_succeed_and_nothing_else(
    mlflow_root: Path,
    tmp_path: Path,
    error: str,
    attempts: int,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv(RUN_ID_VARIABLE, "run-1")
    local.init(local.SubprocessRunner(use_venv=False), pipeline_root=str(tmp_path / "out"))
    with pytest.raises(RuntimeError):
        fails(folder=str(tmp_path), error=error)
    assert len((tmp_path / "attempts").read_text()) == attempts
    message = capfd.readouterr().out
    assert message.count("FAILED broken: the photos are gone") == 2
    assert message.count("an earlier attempt in this run failed permanently") == 2 - attempts
