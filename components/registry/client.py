"""The connection to MLflow: its address, its timeouts, and its errors as one readable line."""

import configparser
import errno
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
from components.registry.sqlite_store import prepare_store

_SQLITE = "sqlite:///"
# Messages of the system and of SQLite about a full disk.
_NO_SPACE = (os.strerror(errno.ENOSPC), "database or disk is full")
# Used unless the environment sets other values. With these a step gives up after about 15 seconds
# on a server that is down (4 minutes with MLflow's own defaults), and after 4 minutes on one that
# accepts connections but never answers (16 minutes).
_DEFAULTS = {
    MLFLOW_HTTP_REQUEST_MAX_RETRIES: 3,
    MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR: 2,
    MLFLOW_HTTP_REQUEST_TIMEOUT: 60,
    # MLflow would print the server's address including the password.
    MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT: True,
}


def tracking_uri() -> str:
    """Returns the address of the MLflow server or store.

    Raises:
        SettingError: If `MLFLOW_TRACKING_URI` is not set. MLflow itself would silently create a
            store in the working directory.
    """
    uri = str(MLFLOW_TRACKING_URI.get() or "").strip()
    if not uri:
        raise SettingError(
            "MLFLOW_TRACKING_URI is not set. Set it to an MLflow server or store, for example "
            "http://localhost:5000 or sqlite:////path/to/mlflow.db"
        )
    return uri


def printable_tracking_uri() -> str:
    """Returns the same address without user and password, for messages."""
    return without_credentials(tracking_uri())


def local_tracking_uri(root: Path) -> str:
    """Returns the address of the SQLite store in a work folder.

    Raises:
        SettingError: If the folder's path can't be part of an address; MLflow would create the
            store elsewhere.
    """
    path = str(root.absolute())
    if not path.isprintable() or re.search(r"[?]|%[0-9A-Fa-f]{2}", path):
        raise SettingError(
            "The path of the work folder (--root) must not contain ?, control characters, or % "
            f"before two hexadecimal digits, because MLflow can't use it. Received: {path!r}"
        )
    return f"{_SQLITE}{path}/mlflow.db"


def sqlite_file(uri: str) -> Path | None:
    """Returns the database file of a SQLite store; None for any other kind of store."""
    if not uri.startswith(_SQLITE):
        return None
    return Path(uri.removeprefix(_SQLITE).partition("?")[0]).absolute()


def store_exists() -> bool:
    """Returns whether there is a store to read from; connecting would create a SQLite store."""
    database = sqlite_file(tracking_uri())
    return database is None or database.exists()


def without_credentials(text: str) -> str:
    """Removes user and password from all addresses in a text."""
    return re.sub(r"//[^/@\s]+@", "//", text)


@contextmanager
def mlflow_client() -> Iterator[MlflowClient]:
    """Yields MLflow's client for `tracking_uri()` and converts its errors to ours.

    A SQLite store is created on first use.

    Raises:
        SettingError: If `MLFLOW_TRACKING_URI` is not set, no store can be created there, or the
            file `~/.mlflow/credentials` can't be parsed.
        CaptionflowError: If MLflow does not respond, or rejects the credentials or the request.
    """
    uri = tracking_uri()
    for setting, value in _DEFAULTS.items():
        if not setting.is_set():
            setting.set(value)
    try:
        yield _connect(uri)
    except (MlflowException, SQLAlchemyError) as error:
        raise CaptionflowError(_in_one_line(error, without_credentials(uri))) from error
    except configparser.Error:
        # Neither its message nor its traceback: both may quote the password.
        raise SettingError(
            "~/.mlflow/credentials is not a valid ini file. It needs the section [mlflow] with "
            "mlflow_tracking_username = … and mlflow_tracking_password = … (write % as %%)"
        ) from None


def check_connection() -> None:
    """Sends MLflow one small request.

    Raises:
        CaptionflowError: As `mlflow_client` does.
    """
    with mlflow_client() as client:
        client.search_experiments(max_results=1)


def _connect(uri: str) -> MlflowClient:
    database = sqlite_file(uri)
    if database is None:
        return MlflowClient(uri)
    try:
        database.parent.mkdir(parents=True, exist_ok=True)
        folder = os.open(database.parent, os.O_RDONLY)
    except OSError as error:
        raise SettingError(
            f"MLFLOW_TRACKING_URI must point to a writable folder: {error}"
        ) from error
    if not database.exists() and not os.access(database.parent, os.W_OK):
        os.close(folder)
        raise SettingError(f"MLFLOW_TRACKING_URI must point to a writable folder: {database}")
    try:
        # MLflow logs each table that it creates.
        logging.getLogger("mlflow.store.db.utils").setLevel(logging.WARNING)
        # If two processes create the tables of a new store at once, one of them fails.
        fcntl.flock(folder, fcntl.LOCK_EX)
        prepare_store(database)
        return MlflowClient(uri)
    finally:
        os.close(folder)


def _in_one_line(error: MlflowException | SQLAlchemyError, address: str) -> str:
    if isinstance(error, MlflowException):
        # MLflow raises its own error while it handles a network error.
        if isinstance(error.__context__, OSError):
            return (
                f"MLflow at {address} does not respond. Start the server, or set "
                "MLFLOW_TRACKING_URI to one that is running"
            )
        if error.get_http_status_code() in (401, 403):
            return (
                f"MLflow at {address} rejects these credentials. Correct ~/.mlflow/credentials, "
                "or set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or "
                "MLFLOW_TRACKING_TOKEN"
            )
    if any(reason in str(error) for reason in _NO_SPACE):
        # The first line would not help: MLflow's message begins with names of files.
        return f"MLflow at {address} failed: no space is left on the disk"
    first_line = (str(error).splitlines() or [type(error).__name__])[0]
    return f"MLflow at {address} failed: {without_credentials(first_line)}"
