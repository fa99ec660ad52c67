"""Downloads the bundle of a registered model: files as data, without MLflow's model loader."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from textwrap import shorten
from typing import NamedTuple

from mlflow.artifacts import download_artifacts
from mlflow.environment_variables import MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR
from mlflow.exceptions import MlflowException
from mlflow.models import Model

from components.artifacts.checksums import fetch_checked
from components.errors import DataError, NoChampionError
from components.registry.candidacy import approval_notice, find_candidate
from components.registry.client import (
    mlflow_client,
    printable_tracking_uri,
    store_exists,
    tracking_uri,
    without_credentials,
)
from components.registry.models import CHAMPION, find_champion, models_with_champion
from components.registry.rejected_candidates import last_rejection

# The file in which MLflow describes a logged model.
_MODEL_FILE = "MLmodel"
# The name that `register` gives the bundle among the logged model's files.
_BUNDLE = "bundle"
# Maximum characters of MLflow's message about missing files, which may quote a whole web page.
_LONGEST_MESSAGE = 300


class ModelDownload(NamedTuple):
    """A registered version, and a local directory with its bundle."""

    version: str
    bundle: Path


def download_model(
    model_name: str, version: str | None, directory: Path, *, alias: str | None = None
) -> ModelDownload:
    """Makes the bundle of a registered model available as local files; none is executed.

    Args:
        model_name: The registered model's name.
        version: The version; None: the one with the alias.
        alias: The alias; None: the champion's.
        directory: Where files on a server are downloaded to; those of a local store are used in
            place.

    Raises:
        DataError: If no version has the alias, there is no such version, or its files are missing.
        CaptionflowError: If MLflow can't be used.
    """
    if not store_exists():
        # Connecting would create the store.
        raise DataError(
            f"There are no runs in MLflow at {printable_tracking_uri()} yet. Start one with "
            "`captionflow run`"
        )
    number = find_version(model_name, alias) if version is None else version
    with mlflow_client() as client:
        with _unknown(f"There is no version {number} of {model_name}"):
            uri = client.get_model_version_download_uri(model_name, number)
        return ModelDownload(number, _download(f"{model_name} version {number}", uri, directory))


def download_bundle_file(model_name: str, version: str, name: str, directory: Path) -> Path:
    """Makes one file of a registered model's bundle available.

    Besides it, only the description of the model and the bundle's checksums are downloaded.

    Args:
        model_name: The registered model's name.
        version: The version, which must exist.
        name: The file's name in the bundle.
        directory: See `download_model`.

    Raises:
        DataError: If the version has no bundle, or the file or its checksum is missing or damaged.
        CaptionflowError: If MLflow can't be used.
    """
    with mlflow_client() as client:
        uri = client.get_model_version_download_uri(model_name, version)
        model = f"{model_name} version {version}"
        return fetch_checked(name, lambda file: _download(model, uri, directory, file), model)


def find_version(model_name: str, alias: str | None) -> str:
    """Returns the version that has an alias; None means the alias of the champion.

    Raises:
        DataError: If no version has it.
        CaptionflowError: If MLflow can't be used.
    """
    if alias in (None, CHAMPION):
        return _champion_of(model_name)
    with (
        mlflow_client() as client,
        _unknown(f"No version of {model_name} has the alias {alias}"),
    ):
        return str(client.get_model_version_by_alias(model_name, alias).version)


@contextmanager
def _unknown(message: str) -> Iterator[None]:
    """Raises a `DataError` with a message if MLflow does not have what it is asked for."""
    try:
        yield
    except MlflowException as error:
        if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            raise
        raise DataError(
            f"{message} in MLflow at {printable_tracking_uri()}. See `captionflow models list`"
        ) from error


def _champion_of(model_name: str) -> str:
    champion = find_champion(model_name)
    if champion is not None:
        return champion.version
    message = f"No version of {model_name} has been approved yet in {printable_tracking_uri()}."
    if candidate := find_candidate(model_name):
        message += f" Version {candidate.version} {approval_notice(candidate)}."
    elif others := models_with_champion():
        message += f" Models with an approved version (--model-name): {', '.join(others)}."
    elif rejection := last_rejection(model_name):
        message += f" The last model was {rejection[0].lower()}{rejection[1:]}."
    raise NoChampionError(f"{message} Train a model with `captionflow run`")


def _download(name: str, uri: str, directory: Path, file: str = "") -> Path:
    if not MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR.is_set():
        MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR.set(False)
    # With a destination, MLflow would copy even files that are on this machine.
    destination = None if uri.startswith(("file:", "/")) else str(directory)

    def download(path: str) -> str:
        return download_artifacts(
            artifact_uri=f"{uri}/{path}", dst_path=destination, tracking_uri=tracking_uri()
        )

    try:
        flavor = Model.load(download(_MODEL_FILE)).flavors["python_function"]
        return Path(download(os.path.normpath(f"{flavor['artifacts'][_BUNDLE]['path']}/{file}")))
    except (KeyError, TypeError) as error:
        raise DataError(f"{name} was not registered by captionflow: it has no bundle") from error
    except (MlflowException, OSError) as error:
        if isinstance(error, MlflowException) and isinstance(error.__context__, OSError):
            # The server does not respond: `mlflow_client` has the message.
            raise
        reason = shorten(without_credentials(str(error)), _LONGEST_MESSAGE, placeholder=" …")
        raise DataError(
            f"The files of {name} are missing at {without_credentials(uri)}. Restore them, or "
            f"choose another version (--model-version). MLflow says: {reason}"
        ) from error
