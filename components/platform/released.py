"""A registered model's files as data, for who needs what is in them and not MLflow's own loader."""

import os
from pathlib import Path
from textwrap import shorten
from typing import NamedTuple

from mlflow import MlflowClient
from mlflow.artifacts import download_artifacts
from mlflow.environment_variables import MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR
from mlflow.exceptions import MlflowException
from mlflow.models import Model

from components.errors import DataError
from components.platform.registry import CHAMPION
from components.platform.tracking import (
    mlflow_client,
    store_exists,
    tracking_uri,
    without_credentials,
)

# MLflow's name for a file that tells what a logged model consists of.
_MODEL_FILE = "MLmodel"
# As `register` names it among the logged model's files.
_BUNDLE = "bundle"
# Of what MLflow says when files are missing, in characters.
_LONGEST = 300


class Released(NamedTuple):
    """A registered version, and a local directory with its bundle."""

    version: str
    bundle: Path


def fetch_released(model_name: str, version: str | None, directory: Path) -> Released:
    """Makes a registered model's bundle available as local files; nothing of it is run.

    Args:
        model_name: The registered model's name.
        version: As MLflow counts; None: the champion.
        directory: Where the files of a server are copied to; those of a store on this machine
            are read where they lie.

    Raises:
        DataError: If there is no champion or no such version, or its files are missing.
        CaptionflowError: If MLflow can't be used.
    """
    address = without_credentials(tracking_uri())
    if not store_exists():
        # To ask would make it.
        raise DataError(_no_champion(model_name, address, "no MLflow store there"))
    with mlflow_client() as client:
        number = _champion_of(client, model_name, address) if version is None else version
        try:
            place = client.get_model_version_download_uri(model_name, number)
        except MlflowException as error:
            if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                raise
            raise DataError(
                f"{model_name} must have the version that is asked for, in MLflow at {address}. "
                f"Received: {number}"
            ) from error
        return Released(number, _fetch(f"{model_name} version {number}", place, directory))


def _champion_of(client: MlflowClient, model_name: str, address: str) -> str:
    champions = {
        model.name: str(model.aliases[CHAMPION])
        for model in client.search_registered_models()
        if CHAMPION in model.aliases
    }
    if model_name not in champions:
        found = f"champions of {', '.join(champions)}" if champions else "no champion of any model"
        raise DataError(_no_champion(model_name, address, found))
    return champions[model_name]


def _no_champion(model_name: str, address: str, found: str) -> str:
    return (
        f"{model_name} must have a champion in MLflow at {address}: make one with `python -m "
        f"pipeline.local`, or name another model or store. Received: {found}"
    )


def _fetch(named: str, place: str, directory: Path) -> Path:
    if not MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR.is_set():
        MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR.set(False)

    def fetch(name: str) -> str:
        # What lies on this machine is read there; asked for a copy, MLflow would make one.
        copied = None if place.startswith(("file:", "/")) else str(directory)
        return download_artifacts(
            artifact_uri=f"{place}/{name}", dst_path=copied, tracking_uri=tracking_uri()
        )

    try:
        flavour = Model.load(fetch(_MODEL_FILE)).flavors["python_function"]
        return Path(fetch(os.path.normpath(flavour["artifacts"][_BUNDLE]["path"])))
    except (KeyError, TypeError) as error:
        raise DataError(f"{named} must be a model that captionflow registered") from error
    except (MlflowException, OSError) as error:
        if isinstance(error, MlflowException) and isinstance(error.__context__, OSError):
            # The server went away: `mlflow_client` says so.
            raise
        # A server's page would come along.
        told = shorten(without_credentials(str(error)), _LONGEST, placeholder=" …")
        raise DataError(
            f"The files of {named} must lie at {without_credentials(place)}: restore them, or name "
            f"another version. Received: {told}"
        ) from error
