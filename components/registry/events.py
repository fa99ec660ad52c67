"""Events: MLflow runs that train nothing, but record what happened for people and later runs."""

import time
from collections.abc import Mapping
from datetime import timedelta

from components.registry.client import mlflow_client
from components.registry.experiments import find_or_create
from components.registry.runs import log_metrics


def record_event(
    experiment: str,
    name: str,
    tags: Mapping[str, str],
    status: str = "FINISHED",
    *,
    metrics: Mapping[str, float] | None = None,
) -> None:
    """Records an event as an MLflow run of its own.

    Args:
        experiment: The experiment's name; it is created on first use.
        name: The run's name in MLflow's user interface.
        tags: What happened.
        status: The run's status: `FINISHED` or `FAILED`.
        metrics: Numbers by name, if any.

    Raises:
        SettingError: If the experiment was deleted.
        CaptionflowError: If MLflow can't be used.
    """
    with mlflow_client() as client:
        run = client.create_run(find_or_create(client, experiment), run_name=name, tags=dict(tags))
        if metrics:
            log_metrics(run.info.run_id, metrics)
        client.set_terminated(run.info.run_id, status)


def find_event(
    experiment: str, tags: Mapping[str, str], *, newer_than: timedelta | None = None
) -> Mapping[str, str] | None:
    """Returns all tags of the newest event that has the given tags; None if there is none.

    Args:
        experiment: The experiment's name.
        tags: Names and values to look for; values must not contain quotes.
        newer_than: The event's maximum age; None: any age.

    Raises:
        CaptionflowError: If MLflow can't be used.
    """
    conditions = [f"tags.{key} = '{value}'" for key, value in tags.items()]
    if newer_than is not None:
        since = int((time.time() - newer_than.total_seconds()) * 1000)
        conditions.append(f"attributes.start_time > {since}")
    with mlflow_client() as client:
        found = client.get_experiment_by_name(experiment)
        if found is None:
            return None
        runs = client.search_runs([found.experiment_id], " and ".join(conditions), max_results=1)
        return dict(runs[0].data.tags) if runs else None
