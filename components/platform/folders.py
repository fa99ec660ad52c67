"""A folder, local or in a bucket, that several runs put files into and take files out of at once.

A file is there whole or not at all, and never changes; but each may be gone a moment later, for
another run may remove it.
"""

import os
import shutil
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from components.artifacts.files import atomic_file
from components.errors import SettingError
from components.platform.storage import PATIENCE, is_remote, require_writable, upload

if TYPE_CHECKING:
    from google.cloud import storage

_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file of a folder.

    Attributes:
        name: Below the folder, with `/` between its parts.
        size: In bytes.
        used: When it was put there, or last marked as used; in UTC.
    """

    name: str
    size: int
    used: datetime


def prepare_folder(folder: str, *, patience: float = PATIENCE) -> None:
    """Makes a local folder, or asks whether this account may use a bucket: before hours of work.

    Args:
        folder: Local, or `gs://bucket/prefix`; so everywhere here.
        patience: Seconds that each request to a bucket is made again; so everywhere here.

    Raises:
        SettingError: If it can't be made or written to.
        CaptionflowError: If Cloud Storage does not answer.
    """
    if is_remote(folder):
        require_writable(folder, patience=patience)
        return
    path = Path(folder)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingError(f"A folder must be one that can be written: {error}") from error
    if not os.access(path, os.W_OK):
        raise SettingError(f"A folder must be one that can be written. Received: {folder}")


def list_files(folder: str, *, patience: float = PATIENCE) -> list[StoredFile]:
    """Lists all files of a folder and of those in it, by name; none if it is not there.

    Local files whose name begins with a dot are left out: they are not whole yet.

    Raises:
        SettingError: If there is no such bucket, or this account may not use it.
        CaptionflowError: If Cloud Storage does not answer.
    """
    if not is_remote(folder):
        return sorted(_list_local(Path(folder)), key=lambda file: file.name)
    from components.platform.buckets import open_place

    with open_place(folder, patience) as place:
        return [
            StoredFile(
                blob.name.removeprefix(place.folder),
                blob.size,
                max(blob.time_created, blob.custom_time or blob.time_created),
            )
            for blob in place.below()
        ]


def fetch_files(
    folder: str, names: Iterable[str], directory: Path, *, patience: float = PATIENCE
) -> list[str]:
    """Brings files into a local directory, where they stay if others remove them.

    Args:
        folder: As above.
        names: As `list_files` gave them.
        directory: There each file gets its name's last part.
        patience: As above.

    Returns:
        The names of those that were still there.

    Raises:
        SettingError, CaptionflowError: As `list_files`.
    """
    targets = {name: directory / Path(name).name for name in names}
    if not is_remote(folder):
        return [name for name, to in targets.items() if _link(Path(folder) / name, to)]
    from google.api_core.exceptions import NotFound

    from components.platform.buckets import open_place

    with open_place(folder, patience) as place:

        def fetch(name: str) -> bool:
            blob = place.bucket.blob(f"{place.folder}{name}")
            try:
                blob.download_to_filename(targets[name], retry=place.retry)
            except NotFound:
                targets[name].unlink(missing_ok=True)
                return False
            return True

        return [name for name, there in _side_by_side(fetch, targets) if there]


def put_file(path: Path, folder: str, *, patience: float = PATIENCE) -> None:
    """Puts a local file into a folder under its own name; one of that name is taken for the same.

    Raises:
        SettingError, CaptionflowError: As `list_files`.
    """
    if is_remote(folder):
        upload(path, f"{folder}/{path.name}", patience=patience)
    elif not (target := Path(folder) / path.name).exists() and not _link(path, target):
        raise FileNotFoundError(path)


def mark_used(folder: str, names: Iterable[str], *, patience: float = PATIENCE) -> None:
    """Notes that files were used now; those that are gone are no error.

    In a bucket that is the object's custom time, which rules for its life cycle can go by too.

    Raises:
        SettingError, CaptionflowError: As `list_files`.
    """
    if not is_remote(folder):
        for name in names:
            _quietly(lambda file: os.utime(file), Path(folder) / name)
        return
    from google.api_core.exceptions import NotFound

    from components.platform.buckets import open_place

    with open_place(folder, patience) as place:

        def mark(name: str) -> None:
            blob: storage.Blob = place.bucket.blob(f"{place.folder}{name}")
            blob.custom_time = datetime.now(UTC)
            try:
                blob.patch(retry=place.retry)
            except NotFound:
                return

        list(_side_by_side(mark, names))


def remove_files(folder: str, names: Iterable[str], *, patience: float = PATIENCE) -> None:
    """Removes files; those that are gone are no error.

    Raises:
        SettingError, CaptionflowError: As `list_files`.
    """
    if not is_remote(folder):
        for name in names:
            _quietly(Path.unlink, Path(folder) / name)
        return
    from components.platform.buckets import open_place

    with open_place(folder, patience) as place:
        blobs = [place.bucket.blob(f"{place.folder}{name}") for name in names]
        place.bucket.delete_blobs(blobs, on_error=lambda _: None, retry=place.retry)


def _list_local(root: Path) -> list[StoredFile]:
    found = []
    for path in root.rglob("*"):
        if path.name.startswith("."):
            continue
        try:
            facts = path.stat()
        except FileNotFoundError:
            continue
        if path.is_file():
            used = datetime.fromtimestamp(facts.st_mtime, UTC)
            found.append(StoredFile(path.relative_to(root).as_posix(), facts.st_size, used))
    return found


def _link(source: Path, target: Path) -> bool:
    """Makes a file be at `target` too, whole at once; returns False if it is gone."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except FileExistsError:
        return True
    except FileNotFoundError:
        return False
    except OSError:
        # Another file system, or one without hard links.
        try:
            with atomic_file(target) as aside:
                shutil.copyfile(source, aside)
        except FileNotFoundError:
            return False
    return True


def _quietly(do: Callable[[Path], None], file: Path) -> None:
    try:
        do(file)
    except FileNotFoundError:
        return


def _side_by_side(call: Callable[[str], Any], names: Iterable[str]) -> list[tuple[str, Any]]:
    each = list(names)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(zip(each, pool.map(call, each), strict=True))
