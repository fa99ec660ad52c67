"""Records which run on this machine started an MLflow run or logged a model.

MLflow does not notice when a process is killed: its run remains marked as running, and a model that
was being logged remains without a version. Both carry a tag with the name of the local run, so that
a later run can tidy up.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from mlflow import MlflowClient, entities
from mlflow.exceptions import MlflowException
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from mlflow.utils.file_utils import local_file_uri_to_path
from sqlalchemy.exc import SQLAlchemyError

from components.registry.client import mlflow_client
from components.storage.durability import sync_tree

#: Environment variable with the name of the local run; not set on a cluster.
RUN_VARIABLE = "CAPTIONFLOW_RUN"
#: Tag of MLflow runs and logged models with the same name.
RUN_TAG = "captionflow_run"


def ownership_tags() -> dict[str, str]:
    """Returns the tags of what this process creates in MLflow; none outside of a local run."""
    name = os.environ.get(RUN_VARIABLE)
    return {RUN_TAG: name} if name else {}


def close_run(name: str) -> None:
    """Marks the MLflow runs of a killed local run as killed, and deletes its unused models.

    A model is unused if no registered version refers to it.

    Args:
        name: The local run, which must have ended.

    Raises:
        CaptionflowError: If MLflow can't be used.
    """
    with mlflow_client() as client:
        experiments = [found.experiment_id for found in client.search_experiments()]
        running = f"tags.{RUN_TAG} = '{name}' and attributes.status = 'RUNNING'"
        for run in client.search_runs(experiments, running):
            client.set_terminated(run.info.run_id, "KILLED")
        for model in client.search_logged_models(experiments, f"tags.{RUN_TAG} = '{name}'"):
            if not _has_version(client, model):
                delete_model(client, model.model_id)


def delete_model(client: MlflowClient, model_id: str) -> None:
    """Deletes a logged model with its files.

    Args:
        client: MLflow's client.
        model_id: The id of the logged model.
    """
    location = str(client.get_logged_model(model_id).artifact_location)
    with contextlib.suppress(FileNotFoundError):
        get_artifact_repository(location).delete_artifacts()
    if location.startswith("file:"):
        # MLflow leaves the empty folder.
        with contextlib.suppress(OSError):
            Path(local_file_uri_to_path(location)).parent.rmdir()
    client.delete_logged_model(model_id)


def sync_model(client: MlflowClient, model_id: str) -> None:
    """Waits until the files of a logged model are on the disk.

    MLflow's database is written to the disk at once, the files are not: after a power cut, a
    version could refer to empty files. For a model on a server there is nothing to do.

    Args:
        client: MLflow's client.
        model_id: The id of the logged model.
    """
    location = str(client.get_logged_model(model_id).artifact_location)
    if location.startswith("file:"):
        sync_tree(local_file_uri_to_path(location))


@contextlib.contextmanager
def deleted_on_error(client: MlflowClient, model_id: str) -> Iterator[None]:
    """Deletes a logged model if the block fails or is interrupted.

    Args:
        client: MLflow's client.
        model_id: The id of the logged model.
    """
    try:
        yield
    except BaseException:  # also an interruption
        # A later run deletes what can't be deleted now.
        with contextlib.suppress(MlflowException, SQLAlchemyError, OSError):
            delete_model(client, model_id)
        raise


def _has_version(client: MlflowClient, model: entities.LoggedModel) -> bool:
    versions = client.search_model_versions(f"run_id = '{model.source_run_id}'")
    return any(version.source == f"models:/{model.model_id}" for version in versions)
