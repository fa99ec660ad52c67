import pytest
from mlflow import MlflowClient

from components.errors import CaptionflowError, DataError, SettingError
from components.runtime import retry_policy as attempts
from components.runtime.execution import run_step
from components.runtime.retry_policy import EXPERIMENT, RUN_ID_VARIABLE


def _attempt(step: str, error: Exception | None = None) -> tuple[bool, int]:
    """Returns whether the step's body was entered, and its exit code."""
    entered = False
    try:
        with run_step(step):
            entered = True
            if error:
                raise error
    except SystemExit as ended:
        return entered, int(str(ended.code))
    return entered, 0


@pytest.mark.usefixtures("mlflow_root")
@pytest.mark.parametrize(("error", "code"), [(SettingError, 2), (DataError, 3)])
def test_second_attempt_after_a_final_failure_ends_at_once_with_the_same_error(
    error: type[CaptionflowError],
    code: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv(RUN_ID_VARIABLE, "run-1")
    assert _attempt("ingest", error("no photos in 'here'")) == (True, code)
    assert _attempt("ingest") == (False, code)
    assert capsys.readouterr().out.splitlines()[-2:] == [
        "[ingest] an attempt just now failed for good: not trying again",
        "FAILED ingest: no photos in 'here'",
    ]


@pytest.mark.usefixtures("mlflow_root")
def test_a_final_failure_of_long_ago_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    # Someone mended the data and let the run go on.
    monkeypatch.setenv(RUN_ID_VARIABLE, "run-1")
    _attempt("ingest", DataError("no photos"))
    monkeypatch.setattr(attempts, "_MINUTES", 0)
    assert _attempt("ingest") == (True, 0)


@pytest.mark.usefixtures("mlflow_root")
def test_a_final_failure_is_of_its_run_and_step_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(RUN_ID_VARIABLE, "run-1")
    _attempt("ingest", DataError("no photos"))
    assert _attempt("normalize") == (True, 0)
    monkeypatch.setenv(RUN_ID_VARIABLE, "run-2")
    assert _attempt("ingest") == (True, 0)


@pytest.mark.usefixtures("mlflow_root")
@pytest.mark.parametrize("error", [CaptionflowError("no answer"), OSError("disk"), ValueError()])
def test_other_failures_are_tried_again(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(RUN_ID_VARIABLE, "run-1")
    assert _attempt("ingest", error) == (True, 1)
    assert _attempt("ingest") == (True, 0)


@pytest.mark.usefixtures("mlflow_root")
def test_the_note_is_a_failed_run_that_people_find(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(RUN_ID_VARIABLE, "run-1")
    _attempt("ingest", DataError("no photos"))
    client = MlflowClient()
    [run] = client.search_runs([client.get_experiment_by_name(EXPERIMENT).experiment_id])
    assert (run.info.run_name, run.info.status) == ("ingest failed", "FAILED")
    assert run.data.tags["error"] == "no photos"


@pytest.mark.usefixtures("mlflow_root")
def test_elsewhere_than_on_a_cluster_nothing_is_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(RUN_ID_VARIABLE, raising=False)
    _attempt("ingest", DataError("no photos"))
    assert MlflowClient().get_experiment_by_name(EXPERIMENT) is None
    assert _attempt("ingest") == (True, 0)


def test_without_mlflow_the_step_goes_on_and_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(RUN_ID_VARIABLE, "run-1")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert _attempt("ingest") == (True, 0)
    assert "whether an earlier attempt failed for good is unknown" in capsys.readouterr().out
    assert _attempt("ingest", DataError("no photos")) == (True, 3)
    assert "this failure could not be noted" in capsys.readouterr().out
