"""MLflow as the steps use it: runs with their numbers, and the model that is champion."""

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Metric, Param
from mlflow.exceptions import MlflowException

from components.errors import DataError, SettingError
from components.platform.tracking import (
    mlflow_client,
    sqlite_file,
    tracking_uri,
    without_credentials,
)

logger = logging.getLogger(__name__)

#: The alias of the version that is in use.
CHAMPION = "champion"
#: The tag of a version that says what it was made of, see `components.trigger.training_config`.
RECIPE_TAG = "recipe"


@dataclass(frozen=True, slots=True)
class Champion:
    """The registered version of a model that is in use.

    Attributes:
        version: As MLflow counts: "1", "2", …
        run_id: The MLflow run that trained it.
        tags: What was noted when it was registered: its scores, and what they were measured on.
    """

    version: str
    run_id: str
    tags: dict[str, str]


def start_run(experiment: str, run_name: str, params: Mapping[str, Any]) -> str:
    """Starts an MLflow run; its experiment is made on first use.

    Args:
        experiment: The experiment's name.
        run_name: What the user interface calls the run.
        params: The run's settings; values are noted as text.

    Returns:
        The run's id.

    Raises:
        SettingError: If the experiment was deleted.
        CaptionflowError: If MLflow can't be used.
    """
    with mlflow_client() as client:
        experiment_id = _experiment(client, experiment)
        run = client.create_run(experiment_id, run_name=run_name)
        noted = [Param(key, str(value)) for key, value in params.items()]
        client.log_batch(run.info.run_id, params=noted)
    logger.info("MLflow run %s (%s) in experiment %s", run_name, run.info.run_id, experiment)
    return str(run.info.run_id)


def log_metrics(run_id: str, metrics: Mapping[str, float], step: int = 0) -> None:
    """Notes numbers in a run, in one request.

    Args:
        run_id: The run's id.
        metrics: Numbers by name.
        step: When in the run they were measured, for example the epoch.

    Raises:
        CaptionflowError: If MLflow can't be used, or has no such run.
    """
    now = int(time.time() * 1000)
    noted = [Metric(key, float(value), now, step) for key, value in metrics.items()]
    with mlflow_client() as client:
        client.log_batch(run_id, metrics=noted)


def finish_run(run_id: str) -> None:
    """Notes that a run ended well.

    Raises:
        CaptionflowError: If MLflow can't be used, or has no such run.
    """
    with mlflow_client() as client:
        client.set_terminated(run_id, "FINISHED")


def note_event(
    experiment: str, name: str, tags: Mapping[str, str], status: str = "FINISHED"
) -> None:
    """Notes something that happened in a run that trains nothing, for people to find in MLflow.

    Args:
        experiment: The experiment's name.
        name: What the user interface calls the run.
        tags: What happened.
        status: How MLflow marks it: `FINISHED` or `FAILED`.

    Raises:
        SettingError: If the experiment was deleted.
        CaptionflowError: If MLflow can't be used.
    """
    with mlflow_client() as client:
        run = client.create_run(_experiment(client, experiment), run_name=name, tags=dict(tags))
        client.set_terminated(run.info.run_id, status)


def find_event(
    experiment: str, tags: Mapping[str, str], *, newer_than: timedelta
) -> Mapping[str, str] | None:
    """Returns all tags of the newest note with these tags, see `note_event`; None if there is none.

    Args:
        experiment: The experiment's name.
        tags: What the note has to say; values without quotes in them.
        newer_than: How old the note may be.

    Raises:
        CaptionflowError: If MLflow can't be used.
    """
    since = int((time.time() - newer_than.total_seconds()) * 1000)
    said = [f"tags.{key} = '{value}'" for key, value in tags.items()]
    wanted = " and ".join([*said, f"attributes.start_time > {since}"])
    with mlflow_client() as client:
        found = client.get_experiment_by_name(experiment)
        if found is None:
            return None
        runs = client.search_runs([found.experiment_id], wanted, max_results=1)
        return dict(runs[0].data.tags) if runs else None


def has_run(run_id: str) -> bool:
    """Returns whether a run is in this MLflow, and not deleted.

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


def experiment_identity(name: str, *, make: bool = True) -> str:
    """Returns what tells an experiment from one of the same name in another or a new store.

    Args:
        name: The experiment's name.
        make: Whether to make it if it is not there; otherwise the answer is empty then.

    Raises:
        SettingError: If the experiment was deleted.
        CaptionflowError: If MLflow can't be used.
    """
    with mlflow_client() as client:
        if not make and client.get_experiment_by_name(name) is None:
            return ""
        experiment = client.get_experiment(_experiment(client, name))
    # A new password is no new place: what was trained stays good.
    address = without_credentials(tracking_uri())
    return f"{address} {experiment.experiment_id} {experiment.creation_time}"


def require_run(run_id: str) -> None:
    """Checks that the run that trained a model is in this MLflow, and not deleted.

    Raises:
        DataError: If it is not: the model was trained with another one.
        CaptionflowError: If MLflow can't be used.
    """
    if not has_run(run_id):
        raise DataError(
            f"The MLflow run that trained this model must be at "
            f"{without_credentials(tracking_uri())}: set MLFLOW_TRACKING_URI to where it was "
            f"trained, restore it if it was deleted, or train again (--force). "
            f"Received: {run_id}"
        )


def champion(model_name: str) -> Champion | None:
    """Returns the version of a registered model that has the alias `champion`.

    Args:
        model_name: The registered model's name.

    Returns:
        None if no such model is registered, or none of its versions has the alias.

    Raises:
        CaptionflowError: If MLflow can't be used.
    """
    with mlflow_client() as client:
        try:
            number = client.get_registered_model(model_name).aliases.get(CHAMPION)
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            return None
        if number is None:
            return None
        version = client.get_model_version(model_name, str(number))
    return Champion(str(version.version), str(version.run_id), dict(version.tags))


def _experiment(client: MlflowClient, name: str) -> str:
    found = client.get_experiment_by_name(name)
    if found is None:
        database = sqlite_file(tracking_uri())
        location = None if database is None else (database.parent / "mlartifacts").as_uri()
        try:
            return str(client.create_experiment(name, location))
        except MlflowException as error:
            # Another run made it in between: that one will do.
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
            found = client.get_experiment_by_name(name)
    if found.lifecycle_stage != "active":
        raise SettingError(
            f"The MLflow experiment must not be a deleted one: restore it, or name another. "
            f"Received: {name}"
        )
    return str(found.experiment_id)
