"""The MLflow runs of trainings that ended early: which one to continue, and which were lost."""

import logging
import time
from datetime import timedelta

from components.registry.client import mlflow_client

logger = logging.getLogger(__name__)

#: Tag of a training's run: equal for trainings that would give the same model.
TRAINING_TAG = "training"


def find_ended_training(
    experiment: str, training: str, *, also_running: bool = False
) -> str | None:
    """Returns the run of a training that was ended before its first epoch; None if there is none.

    Args:
        experiment: The experiment's name.
        training: The value of its tag `TRAINING_TAG`.
        also_running: Whether to include runs marked as running, because the caller knows that the
            training is not running and such a run was killed.

    Raises:
        CaptionflowError: If MLflow can't be used.
    """
    with mlflow_client() as client:
        found = client.get_experiment_by_name(experiment)
        if found is None:
            return None
        same = f"tags.{TRAINING_TAG} = '{training}'"
        ended = {"FAILED", "KILLED"} | ({"RUNNING"} if also_running else set())
        for run in client.search_runs([found.experiment_id], same):
            if run.info.status in ended and not run.data.metrics:
                return str(run.info.run_id)
        return None


def end_lost_trainings(experiment: str, *, older_than: timedelta, tag: str) -> None:
    """Marks trainings as killed that are marked as running, but can't be running any more.

    Args:
        experiment: The experiment's name.
        older_than: An age that no running training reaches.
        tag: A tag of the trainings to which this age applies.

    Raises:
        CaptionflowError: If MLflow can't be used.
    """
    with mlflow_client() as client:
        found = client.get_experiment_by_name(experiment)
        if found is None:
            return
        started = int((time.time() - older_than.total_seconds()) * 1000)
        lost = (
            f"attributes.status = 'RUNNING' and attributes.start_time < {started} "
            f"and tags.`{tag}` != '' and tags.{TRAINING_TAG} != ''"
        )
        for run in client.search_runs([found.experiment_id], lost):
            client.set_terminated(run.info.run_id, "KILLED")
            logger.info(
                "MLflow run %s was lost with its pod: now marked as KILLED", run.info.run_id
            )
