"""A folder, local or in a bucket, that several runs add files to and remove files from at once.

A file appears only when it is complete, and never changes; but another run may remove it at any
moment.

The time of a file's last use is its modification time on a disk, and its custom time in Google
Cloud Storage, which lifecycle rules can use too. S3 has no such field: there the server copies the
file onto itself, which updates its LastModified.
"""

import logging
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import compress
from pathlib import Path
from typing import Any

from components.errors import SettingError
from components.storage.filesystem import is_remote, local_path, open_filesystem
from components.storage.objects import (
    download_file,
    in_parallel,
    list_objects,
    remove_file,
)
from components.storage.upload import upload

logger = logging.getLogger(__name__)

# Files that are in use are marked as used at most this often.
_MARK_INTERVAL = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file of a folder.

    Attributes:
        name: Its path relative to the folder, with `/` as separator.
        size: Size in bytes.
        used: When it was added, or last marked as used; in UTC.
    """

    name: str
    size: int
    used: datetime


def list_files(folder: str) -> list[StoredFile]:
    """Lists all files of a folder and its subfolders by name; none if it does not exist.

    Files whose names begin with a dot are left out: they are not complete yet.

    Args:
        folder: A plain path, `file://`, `gs://` or `s3://`, as for all functions of this module.

    Raises:
        SettingError, CaptionflowError: As `open_filesystem`, like all functions of this module.
    """
    if is_remote(folder):
        with open_filesystem(folder) as (filesystem, path):
            found = [
                StoredFile(name, details["size"], _used(details))
                for name, details in list_objects(filesystem, path).items()
            ]
    else:
        found = list(_list_local(local_path(folder)))
    visible = (file for file in found if not Path(file.name).name.startswith("."))
    return sorted(visible, key=lambda file: file.name)


def fetch_files(folder: str, names: Iterable[str], directory: Path) -> list[str]:
    """Makes files available in a local directory, where they stay if others remove them.

    Args:
        folder: See `list_files`.
        names: Names as `list_files` returned them.
        directory: The directory; in it, each file has the last part of its name.

    Returns:
        The names of the files that still existed.
    """
    with open_filesystem(folder) as (filesystem, path):

        def fetch(name: str) -> None:
            target = directory / Path(name).name
            if is_remote(folder):
                download_file(filesystem, f"{path}/{name}", target)
            else:
                _link(Path(path, name), target)

        return _unless_gone(fetch, names)


def put_file(file: Path, folder: str) -> None:
    """Puts a local file into a folder under its own name, unless it is there already."""
    upload(file, f"{folder}/{file.name}")


def mark_used_daily(folder: str, files: Iterable[StoredFile]) -> None:
    """Marks files as used now, except those that were marked in the last 24 hours.

    If the account may not do that, there is only a warning: in a bucket it needs one more
    permission than adding and removing files.
    """
    due = [file.name for file in files if file.used < datetime.now(UTC) - _MARK_INTERVAL]
    try:
        mark_used(folder, due)
    except SettingError as error:
        logger.warning("Could not mark files of the feature store as used: %s", error)


def mark_used(folder: str, names: Iterable[str]) -> None:
    """Marks files as used now; ignores those that no longer exist."""
    now = datetime.now(UTC).isoformat()
    with open_filesystem(folder) as (filesystem, path):

        def mark(name: str) -> None:
            match filesystem.protocol[0]:
                case "gs":
                    filesystem.setxattrs(f"{path}/{name}", fixed_key_metadata={"custom_time": now})
                case "s3":
                    filesystem.setxattr(f"{path}/{name}", used=now)
                case _:
                    os.utime(Path(path, name))

        _unless_gone(mark, names)


def remove_files(folder: str, names: Iterable[str]) -> None:
    """Removes files; ignores those that no longer exist."""
    with open_filesystem(folder) as (filesystem, path):
        in_parallel(lambda name: remove_file(filesystem, f"{path}/{name}"), names)


def _unless_gone(call: Callable[[str], None], names: Iterable[str]) -> list[str]:
    """Calls a function for each name; returns the names of files that still existed."""

    def attempt(name: str) -> bool:
        try:
            call(name)
        except FileNotFoundError:
            return False
        return True

    each = list(names)
    return list(compress(each, in_parallel(attempt, each)))


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except FileNotFoundError:
        raise
    except OSError:
        # The target is on another file system, or on one without hard links.
        shutil.copyfile(source, target)


def _list_local(root: Path) -> Iterator[StoredFile]:
    # fsspec would skip a whole folder if one of its files vanished in the meantime.
    for path in root.rglob("*"):
        try:
            facts = path.stat()
        except FileNotFoundError:
            continue
        if path.is_file():
            used = datetime.fromtimestamp(facts.st_mtime, UTC)
            yield StoredFile(path.relative_to(root).as_posix(), facts.st_size, used)


def _used(details: dict[str, Any]) -> datetime:
    if "LastModified" in details:
        return details["LastModified"].astimezone(UTC)
    times = [details[name] for name in ("timeCreated", "customTime") if details.get(name)]
    return max(map(datetime.fromisoformat, times))
