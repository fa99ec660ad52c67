import pytest
from mlflow import MlflowClient

from components.errors import CaptionflowError, DataError, SettingError
from components.runtime import retry_policy
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
def test_attempt_after_a_permanent_failure_ends_at_once_with_the_same_error(
    error: type[CaptionflowError],
    code: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv(RUN_ID_VARIABLE, "run-1")
    assert _attempt("ingest", error("no photos in 'here'")) == (True, code)
    assert _attempt("ingest") == (False, code)
    *_, explanation, last = capsys.readouterr().out.splitlines()
    assert explanation.startswith("[ingest] ") and "failed permanently" in explanation
    assert last == "FAILED ingest: no photos in 'here'"


@pytest.mark.usefixtures("mlflow_root")
def test_old_permanent_failure_is_retried(monkeypatch: pytest.MonkeyPatch) -> None:
    # The run was retried later, with repaired data.
    monkeypatch.setenv(RUN_ID_VARIABLE, "run-1")
    _attempt("ingest", DataError("no photos"))
    monkeypatch.setattr(retry_policy, "_MINUTES", 0)
    assert _attempt("ingest") == (True, 0)


@pytest.mark.usefixtures("mlflow_root")
def test_permanent_failure_counts_for_its_run_and_step(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(RUN_ID_VARIABLE, "run-1")
    _attempt("ingest", DataError("no photos"))
    assert _attempt("normalize") == (True, 0)
    monkeypatch.setenv(RUN_ID_VARIABLE, "run-2")
    assert _attempt("ingest") == (True, 0)


@pytest.mark.usefixtures("mlflow_root")
@pytest.mark.parametrize("error", [CaptionflowError("no answer"), OSError("disk"), ValueError()])
def test_other_failures_are_retried(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(RUN_ID_VARIABLE, "run-1")
    assert _attempt("ingest", error) == (True, 1)
    assert _attempt("ingest") == (True, 0)


@pytest.mark.usefixtures("mlflow_root")
def test_permanent_failure_is_a_failed_mlflow_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(RUN_ID_VARIABLE, "run-1")
    _attempt("ingest", DataError("no photos"))
    client = MlflowClient()
    [run] = client.search_runs([client.get_experiment_by_name(EXPERIMENT).experiment_id])
    assert (run.info.run_name, run.info.status) == ("ingest failed", "FAILED")
    assert run.data.tags["error"] == "no photos"


@pytest.mark.usefixtures("mlflow_root")
def test_without_a_kubeflow_run_nothing_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(RUN_ID_VARIABLE, raising=False)
    _attempt("ingest", DataError("no photos"))
    assert MlflowClient().get_experiment_by_name(EXPERIMENT) is None
    assert _attempt("ingest") == (True, 0)


def test_without_mlflow_the_step_runs_and_logs_a_warning(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(RUN_ID_VARIABLE, "run-1")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert _attempt("ingest") == (True, 0)
    assert "Could not look up earlier attempts" in capsys.readouterr().out
    assert _attempt("ingest", DataError("no photos")) == (True, 3)
    assert "Could not record this failure" in capsys.readouterr().out
