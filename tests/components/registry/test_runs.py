from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from mlflow import MlflowClient

from components.errors import CaptionflowError, DataError, SettingError
from components.registry.ownership import RUN_TAG, RUN_VARIABLE
from components.registry.runs import (
    end_run,
    ended_on_error,
    log_metrics,
    log_tags,
    log_text_files,
    reopen_run,
    require_run,
    start_run,
)


def test_start_run_notes_name_and_params(mlflow_root: Path) -> None:
    run_id = start_run("photos", "first", {"epochs": 10, "glove": True})
    run = MlflowClient().get_run(run_id)
    assert run.info.run_name == "first"
    assert run.info.status == "RUNNING"
    assert run.data.params == {"epochs": "10", "glove": "True"}


def test_start_run_keeps_artifacts_beside_the_database(
    mlflow_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    run_id = start_run("photos", "first", {})
    MlflowClient().log_text(run_id, "two dogs", "note.txt")
    assert (mlflow_root / "mlartifacts" / run_id / "artifacts" / "note.txt").read_text() == (
        "two dogs"
    )
    assert not list(elsewhere.iterdir())


def test_start_run_many_at_once_share_one_experiment(mlflow_root: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        ids = list(pool.map(lambda index: start_run("photos", str(index), {}), range(8)))
    client = MlflowClient()
    assert len(set(ids)) == 8
    assert len({client.get_run(run_id).info.experiment_id for run_id in ids}) == 1


def test_start_run_in_a_deleted_experiment_is_an_error(mlflow_root: Path) -> None:
    run_id = start_run("photos", "first", {})
    client = MlflowClient()
    client.delete_experiment(client.get_run(run_id).info.experiment_id)
    with pytest.raises(SettingError, match="experiment photos was deleted"):
        start_run("photos", "second", {})


def test_log_metrics_by_epoch_then_finish(mlflow_root: Path) -> None:
    run_id = start_run("photos", "first", {})
    log_metrics(run_id, {"loss": 3.5, "dev_loss": 3.75}, step=1)
    log_metrics(run_id, {"loss": 2.5, "dev_loss": 3.25}, step=2)
    end_run(run_id)
    client = MlflowClient()
    history = client.get_metric_history(run_id, "loss")
    assert [(metric.step, metric.value) for metric in history] == [(1, 3.5), (2, 2.5)]
    assert client.get_run(run_id).data.metrics == {"loss": 2.5, "dev_loss": 3.25}
    assert client.get_run(run_id).info.status == "FINISHED"


def test_log_metrics_of_an_unknown_run_is_one_line(mlflow_root: Path) -> None:
    with pytest.raises(CaptionflowError, match=r"MLflow at sqlite:.* failed: .*unknown") as caught:
        log_metrics("unknown", {"loss": 1.0})
    assert "\n" not in str(caught.value)


def test_require_run_of_another_store_is_an_error(mlflow_root: Path) -> None:
    require_run(start_run("photos", "first", {}))
    with pytest.raises(DataError, match=r"run elsewhere is not in MLflow at sqlite:.*--force"):
        require_run("elsewhere")


def test_log_tags_overwrites_and_removes_empty_ones(mlflow_root: Path) -> None:
    run_id = start_run("photos", "first", {})
    log_tags(run_id, {"gate_passed": "false", "gate_p_value": "0.2"})
    log_tags(run_id, {"gate_passed": "true", "gate_p_value": ""})
    tags = MlflowClient().get_run(run_id).data.tags
    assert tags["gate_passed"] == "true"
    assert "gate_p_value" not in tags


def test_log_text_files_stores_them_by_name(mlflow_root: Path, tmp_path: Path) -> None:
    run_id = start_run("photos", "first", {})
    (tmp_path / "report").write_text("<h1>Ein Bär</h1>", encoding="utf-8")
    log_text_files(run_id, {"report.html": tmp_path / "report"})
    stored = MlflowClient().download_artifacts(run_id, "report.html", str(tmp_path))
    assert Path(stored).read_text(encoding="utf-8") == "<h1>Ein Bär</h1>"


@pytest.mark.parametrize(
    ("error", "status"), [(SettingError, "FAILED"), (KeyboardInterrupt, "KILLED")]
)
def test_ended_on_error_marks_the_run(
    error: type[BaseException], status: str, mlflow_root: Path
) -> None:
    run_id = start_run("photos", "first", {})
    with pytest.raises(error), ended_on_error(run_id):
        raise error("stopped")
    assert MlflowClient().get_run(run_id).info.status == status


def test_ended_on_error_without_mlflow_raises_the_error_itself(
    mlflow_root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run_id = start_run("photos", "first", {})
    with pytest.raises(DataError, match="no photos"), ended_on_error(run_id):
        (mlflow_root / "mlflow.db").write_bytes(b"no database" * 1000)
        raise DataError("no photos")
    assert run_id in caplog.text


def test_reopen_run_marks_it_as_running_for_this_local_run(
    mlflow_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = start_run("photos", "first", {})
    end_run(run_id, "KILLED")
    monkeypatch.setenv(RUN_VARIABLE, "captionflow-2")
    reopen_run(run_id)
    run = MlflowClient().get_run(run_id)
    assert (run.info.status, run.data.tags[RUN_TAG]) == ("RUNNING", "captionflow-2")
