"""MLflow runs: parameters, metrics, tags and files of a training."""

import logging
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlflow.entities import Metric, Param, RunTag
from mlflow.exceptions import MlflowException

from components.errors import DataError
from components.registry.client import mlflow_client, printable_tracking_uri
from components.registry.experiments import find_or_create

logger = logging.getLogger(__name__)


def start_run(experiment: str, run_name: str, params: Mapping[str, Any]) -> str:
    """Starts an MLflow run.

    Args:
        experiment: The experiment's name; it is created on first use.
        run_name: The run's name in MLflow's user interface.
        params: The run's settings; values are recorded as text.

    Returns:
        The run's id.

    Raises:
        SettingError: If the experiment was deleted.
        CaptionflowError: If MLflow can't be used.
    """
    with mlflow_client() as client:
        run = client.create_run(find_or_create(client, experiment), run_name=run_name)
        run_id = str(run.info.run_id)
        client.log_batch(run_id, params=[Param(key, str(value)) for key, value in params.items()])
    logger.info("MLflow run %s (%s) in experiment %s", run_name, run_id, experiment)
    return run_id


def log_metrics(run_id: str, metrics: Mapping[str, float], step: int = 0) -> None:
    """Records numbers in a run, in one request.

    Args:
        run_id: The run's id.
        metrics: Numbers by name.
        step: When they were measured, for example the epoch.

    Raises:
        CaptionflowError: If MLflow can't be used, or has no such run.
    """
    now = int(time.time() * 1000)
    with mlflow_client() as client:
        client.log_batch(
            run_id, [Metric(key, float(value), now, step) for key, value in metrics.items()]
        )


def log_tags(run_id: str, tags: Mapping[str, str]) -> None:
    """Sets tags of a run, in one request; a tag that exists is overwritten.

    Args:
        run_id: The run's id.
        tags: Texts by name; a tag with an empty text is removed if the run has it.

    Raises:
        CaptionflowError: If MLflow can't be used, or has no such run.
    """
    with mlflow_client() as client:
        client.log_batch(run_id, tags=[RunTag(key, text) for key, text in tags.items() if text])
        empty = {key for key, text in tags.items() if not text}
        if empty:
            for key in sorted(empty & client.get_run(run_id).data.tags.keys()):
                client.delete_tag(run_id, key)


def log_text(run_id: str, text: str, name: str) -> None:
    """Stores a text among a run's artifacts.

    Args:
        run_id: The run's id.
        text: The content.
        name: The file's name in MLflow.

    Raises:
        CaptionflowError: If MLflow can't be used, or has no such run.
    """
    with mlflow_client() as client:
        client.log_text(run_id, text, name)


def log_text_files(run_id: str, files: Mapping[str, str | Path]) -> None:
    """Stores UTF-8 files among a run's artifacts.

    Args:
        run_id: The run's id.
        files: Where each file is, by the name that it gets in MLflow.

    Raises:
        CaptionflowError: If MLflow can't be used, or has no such run.
    """
    with mlflow_client() as client:
        for name, path in files.items():
            client.log_text(run_id, Path(path).read_text(encoding="utf-8"), name)


def finish_run(run_id: str) -> None:
    """Marks a run as finished.

    Raises:
        CaptionflowError: If MLflow can't be used, or has no such run.
    """
    with mlflow_client() as client:
        client.set_terminated(run_id, "FINISHED")


def run_exists(run_id: str) -> bool:
    """Returns whether MLflow has a run, and it is not deleted.

    Raises:
        CaptionflowError: If MLflow can't be used.
    """
    with mlflow_client() as client:
        try:
            return bool(client.get_run(run_id).info.lifecycle_stage == "active")
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            return False


def require_run(run_id: str) -> None:
    """Checks that MLflow has the run that trained a model.

    Raises:
        DataError: If it has not: the model was trained with another MLflow server or store.
        CaptionflowError: If MLflow can't be used.
    """
    if not run_exists(run_id):
        raise DataError(
            f"The model's training run {run_id} is not in MLflow at {printable_tracking_uri()}. "
            "Set MLFLOW_TRACKING_URI to the server or store that it was trained with, restore the "
            "run if it was deleted, or train again (--force)"
        )
