"""The connection to MLflow: where it is, how long it may take, and its failures in one line."""

import configparser
import fcntl
import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mlflow import MlflowClient
from mlflow.environment_variables import (
    MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR,
    MLFLOW_HTTP_REQUEST_MAX_RETRIES,
    MLFLOW_HTTP_REQUEST_TIMEOUT,
    MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT,
    MLFLOW_TRACKING_URI,
)
from mlflow.exceptions import MlflowException
from sqlalchemy.exc import SQLAlchemyError

from components.errors import CaptionflowError, SettingError

_SQLITE = "sqlite:///"
# How MLflow behaves here, where the environment does not say otherwise. A dead server ends a step
# in some fifteen seconds (by default: four minutes), a silent one in four minutes (16).
_BEHAVIOUR = {
    MLFLOW_HTTP_REQUEST_MAX_RETRIES: 3,
    MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR: 2,
    MLFLOW_HTTP_REQUEST_TIMEOUT: 60,
    # It would print the server's address with the password in it.
    MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT: True,
}


def tracking_uri() -> str:
    """Returns where MLflow keeps runs and models.

    Raises:
        SettingError: If `MLFLOW_TRACKING_URI` is not set: MLflow alone would quietly begin a
            store in the working directory.
    """
    uri = str(MLFLOW_TRACKING_URI.get() or "").strip()
    if not uri:
        raise SettingError(
            "MLFLOW_TRACKING_URI must name an MLflow server or store, for example "
            "http://localhost:5000 or sqlite:////path/to/mlflow.db. Received: nothing"
        )
    return uri


def local_tracking_uri(root: Path) -> str:
    """Returns the address of the SQLite store in a work folder."""
    return f"{_SQLITE}{root.absolute()}/mlflow.db"


def sqlite_file(uri: str) -> Path | None:
    """Returns the database file of a SQLite store; None for any other kind of store."""
    if not uri.startswith(_SQLITE):
        return None
    return Path(uri.removeprefix(_SQLITE).partition("?")[0]).absolute()


def store_exists() -> bool:
    """Returns whether there is a store to look into: a SQLite one is made on first use."""
    database = sqlite_file(tracking_uri())
    return database is None or database.exists()


@contextmanager
def mlflow_client() -> Iterator[MlflowClient]:
    """Yields MLflow's client for `tracking_uri()`; its failures in the block become one line.

    A SQLite store is made on first use.

    Raises:
        SettingError: If `MLFLOW_TRACKING_URI` is not set, or a store can't be made there; or the
            file `~/.mlflow/credentials` can't be read.
        CaptionflowError: If MLflow does not answer, or refuses the credentials or the request.
    """
    uri = tracking_uri()
    for setting, value in _BEHAVIOUR.items():
        if not setting.is_set():
            setting.set(value)
    try:
        yield _connect(uri)
    except (MlflowException, SQLAlchemyError) as error:
        raise CaptionflowError(_in_words(error, without_credentials(uri))) from error
    except configparser.Error:
        # Not its own words, nor its traceback: the line it complains of may hold the password.
        raise SettingError(
            "~/.mlflow/credentials must be an ini file: [mlflow], then mlflow_tracking_username = "
            "… and mlflow_tracking_password = … (each % in it written as %%)"
        ) from None


def without_credentials(text: str) -> str:
    """Returns a text with no user and password in the addresses that stand in it."""
    return re.sub(r"//[^/@\s]+@", "//", text)


def _connect(uri: str) -> MlflowClient:
    database = sqlite_file(uri)
    if database is None:
        return MlflowClient(uri)
    try:
        database.parent.mkdir(parents=True, exist_ok=True)
        folder = os.open(database.parent, os.O_RDONLY)
    except OSError as error:
        raise SettingError(
            f"MLFLOW_TRACKING_URI must lie in a folder that can be written: {error}"
        ) from error
    try:
        # That it makes its tables is no news to anyone.
        logging.getLogger("mlflow.store.db.utils").setLevel(logging.WARNING)
        # Of two processes that make the tables of a new store at once, one fails.
        fcntl.flock(folder, fcntl.LOCK_EX)
        return MlflowClient(uri)
    finally:
        os.close(folder)


def _in_words(error: MlflowException | SQLAlchemyError, address: str) -> str:
    if isinstance(error, MlflowException):
        # MLflow raises its own error while it handles the network's.
        if isinstance(error.__context__, OSError):
            return (
                f"MLflow at {address} does not answer: start it, or set MLFLOW_TRACKING_URI to "
                "one that runs"
            )
        if error.get_http_status_code() in (401, 403):
            return (
                f"MLflow at {address} refuses these credentials: mend ~/.mlflow/credentials, or "
                "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or "
                "MLFLOW_TRACKING_TOKEN"
            )
    first_line = (str(error).splitlines() or [type(error).__name__])[0]
    return f"MLflow at {address} failed: {without_credentials(first_line)}"
