"""Prepares the SQLite store of a work folder before MLflow opens it.

MLflow retries for two minutes if it can't open a database, and calls every schema but its own "out
of date". It also stores absolute paths of artifacts, which are wrong once a work folder has been
moved or copied.
"""

import contextlib
import sqlite3
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from urllib.parse import quote

from alembic.script import ScriptDirectory
from alembic.util import CommandError
from mlflow.store import db_migrations

from components.errors import SettingError

#: Folder beside the database that holds all artifacts.
ARTIFACTS = "mlartifacts"

# Seconds to wait for another process that is writing.
_PATIENCE = 3.0
# Columns of MLflow's tables with paths of artifacts; experiments must be the first.
_PATHS = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)


def prepare_store(database: Path) -> None:
    """Checks that MLflow can use a database, and corrects the paths in a moved work folder.

    Args:
        database: The database file; one that does not exist or is empty is left to MLflow.

    Raises:
        SettingError: If the file can't be opened, is damaged or locked, must be restored from its
            journal by somebody who may write, or has the schema of another version of MLflow.
    """
    if not database.exists():
        return
    if not database.is_file():
        raise SettingError(_explain(database, "unable to open"))
    if not database.stat().st_size:
        return
    try:
        with _opened(database) as connection:
            revision = _revision(connection)
            moved = list(_moved(connection, database.parent / ARTIFACTS)) if revision else []
    except sqlite3.Error as error:
        raise SettingError(_explain(database, str(error))) from error
    if revision and revision != _own_revision():
        raise SettingError(_other_schema(database, revision))
    for old in moved:
        _move(database, old, (database.parent / ARTIFACTS).as_uri())


def _revision(connection: sqlite3.Connection) -> str:
    """Returns the version of MLflow's schema; empty if the database has no tables of MLflow."""
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    if "alembic_version" not in tables:
        return ""
    found = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return str(found[0]) if found else ""


def _moved(connection: sqlite3.Connection, folder: Path) -> Iterator[str]:
    """Yields the former URIs of the artifacts' folder, if their content is in `folder` now."""
    locations = connection.execute(
        "SELECT DISTINCT artifact_location FROM experiments WHERE artifact_location LIKE ?",
        (f"file:%/{ARTIFACTS}",),
    )
    for (old,) in locations.fetchall():
        if old == folder.as_uri():
            continue
        start = f"{old}/"
        runs = connection.execute(
            "SELECT artifact_uri FROM runs WHERE substr(artifact_uri, 1, ?) = ?",
            (len(start), start),
        )
        if any((folder / uri.removeprefix(start)).exists() for (uri,) in runs):
            yield old


def _move(database: Path, old: str, new: str) -> None:
    with contextlib.suppress(sqlite3.Error), _opened(database) as connection, connection:
        for table, column in _PATHS:
            connection.execute(
                f"UPDATE {table} SET {column} = ? || substr({column}, ?) "  # noqa: S608 # both are constants
                f"WHERE {column} = ? OR substr({column}, 1, ?) = ?",
                (new, len(old) + 1, old, len(old) + 1, f"{old}/"),
            )


@contextlib.contextmanager
def _opened(database: Path) -> Iterator[sqlite3.Connection]:
    # For writing, even to read: if a process was killed while it wrote, SQLite first restores the
    # former content from the journal. A file that may only be read is opened for reading.
    address = f"file:{quote(str(database))}?mode=rw"
    with contextlib.closing(sqlite3.connect(address, _PATIENCE, uri=True)) as connection:
        yield connection


@cache
def _scripts() -> ScriptDirectory:
    return ScriptDirectory(str(Path(db_migrations.__file__).parent))


def _own_revision() -> str:
    return str(_scripts().get_current_head())


def _other_schema(database: Path, revision: str) -> str:
    try:
        _scripts().get_revision(revision)
    except CommandError:
        return (
            f"{database} was written by a newer version of MLflow (schema {revision}, here "
            f"{_own_revision()}). Install that version, or choose another work folder (--root)"
        )
    return (
        f"{database} was written by an older version of MLflow (schema {revision}, here "
        f"{_own_revision()}). Copy the file, then run `mlflow db upgrade sqlite:///{database}`"
    )


def _explain(database: Path, error: str) -> str:
    if "locked" in error:
        return (
            f"{database} has been locked by another process for {_PATIENCE:.0f} seconds. Stop "
            "that process, or try again later"
        )
    if "unable to open" in error:
        return f"{database} must be a file that you may read and write"
    if "readonly" in error:
        return (
            f"{database} was being written when its process was killed. Open it once as a user who "
            "may write to it and its folder: that restores its previous content"
        )
    return (
        f"{database} is damaged ({error}). Restore it from a copy, or move it away: the next run "
        "creates a new one, without the runs and models of this one"
    )
