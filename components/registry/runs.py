"""MLflow runs: their parameters, metrics, tags, files and status."""

import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

from mlflow.entities import Metric, Param, RunTag
from mlflow.exceptions import MlflowException
from mlflow.utils.mlflow_tags import MLFLOW_RUN_NOTE

from components.errors import CaptionflowError, DataError
from components.registry.client import mlflow_client, printable_tracking_uri
from components.registry.experiments import find_or_create
from components.registry.ownership import ownership_tags

logger = logging.getLogger(__name__)

#: The report among a run's artifacts; MLflow's user interface shows files named .html as pages.
REPORT_NAME = "report.html"


def start_run(
    experiment: str,
    run_name: str,
    params: Mapping[str, Any],
    tags: Mapping[str, str] = MappingProxyType({}),
    description: str = "",
) -> str:
    """Starts an MLflow run.

    Args:
        experiment: The experiment's name; it is created on first use.
        run_name: The run's name in MLflow's user interface.
        params: The run's settings; values are recorded as text.
        tags: Tags besides the name of the local run.
        description: Markdown for the run's page.

    Returns:
        The run's id.

    Raises:
        SettingError: If the experiment was deleted.
        CaptionflowError: If MLflow can't be used.
    """
    with mlflow_client() as client:
        run = client.create_run(
            find_or_create(client, experiment),
            run_name=run_name,
            tags={
                **ownership_tags(),
                **({MLFLOW_RUN_NOTE: description} if description else {}),
                **tags,
            },
        )
    run_id = str(run.info.run_id)
    log_params(run_id, params)
    logger.info("MLflow run %s (%s) in experiment %s", run_name, run_id, experiment)
    return run_id


def log_params(run_id: str, params: Mapping[str, Any]) -> None:
    """Records settings in a run; one that it has already keeps its value, as MLflow requires.

    Raises:
        CaptionflowError: If MLflow can't be used, or has no such run.
    """
    with mlflow_client() as client:
        known = client.get_run(run_id).data.params
        new = [Param(key, str(value)) for key, value in params.items() if key not in known]
        client.log_batch(run_id, params=new)


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


def metric_steps(run_id: str, name: str) -> set[int]:
    """Returns the steps for which a run has values of a metric.

    Raises:
        CaptionflowError: If MLflow can't be used, or has no such run.
    """
    with mlflow_client() as client:
        return {metric.step for metric in client.get_metric_history(run_id, name)}


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


def end_run(run_id: str, status: str = "FINISHED") -> None:
    """Marks a run as ended.

    Args:
        run_id: The run's id.
        status: `FINISHED`, `FAILED` or `KILLED`.

    Raises:
        CaptionflowError: If MLflow can't be used, or has no such run.
    """
    with mlflow_client() as client:
        client.set_terminated(run_id, status)


@contextmanager
def ended_on_error(run_id: str) -> Iterator[None]:
    """Marks a run as failed if the block raises an error, and as killed if it is interrupted.

    Args:
        run_id: The run's id.
    """
    try:
        yield
    except BaseException as error:  # also an interruption
        try:
            end_run(run_id, "FAILED" if isinstance(error, Exception) else "KILLED")
        except CaptionflowError as unusable:
            logger.warning("MLflow run %s is not marked as ended: %s", run_id, unusable)
        raise


def reopen_run(run_id: str) -> None:
    """Marks a run as running again, and as started by this local run.

    Raises:
        CaptionflowError: If MLflow can't be used, or has no such run.
    """
    with mlflow_client() as client:
        client.update_run(run_id, "RUNNING")
    if tags := ownership_tags():
        log_tags(run_id, tags)


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
