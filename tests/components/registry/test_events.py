from datetime import timedelta
from pathlib import Path

from mlflow import MlflowClient

from components.registry.events import find_event, record_event


def test_find_event_is_the_newest_with_all_tags(mlflow_root: Path) -> None:
    for step, error in (("ingest", "no photos"), ("ingest", "no captions"), ("train", "nan")):
        record_event("failures", f"{step} failed", {"step": step, "error": error}, "FAILED")
    found = find_event("failures", {"step": "ingest"}, newer_than=timedelta(minutes=5))
    assert found is not None and found["error"] == "no captions"
    assert find_event("failures", {"step": "ingest", "error": "nan"}) is None
    assert find_event("failures", {"step": "ingest"}, newer_than=timedelta(0)) is None


def test_find_event_without_the_experiment_creates_none(mlflow_root: Path) -> None:
    assert find_event("failures", {"step": "ingest"}) is None
    assert MlflowClient().get_experiment_by_name("failures") is None


def test_record_event_is_an_ended_run(mlflow_root: Path) -> None:
    record_event("failures", "ingest failed", {"step": "ingest"}, "FAILED")
    client = MlflowClient()
    (run,) = client.search_runs([client.get_experiment_by_name("failures").experiment_id])
    assert (run.info.run_name, run.info.status) == ("ingest failed", "FAILED")
