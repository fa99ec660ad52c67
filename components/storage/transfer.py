"""Lists, reads, downloads and removes files and folders, local or in buckets; see also `upload`.

The store ensures that an object appears complete or not at all. A folder consists of many objects:
while it contains one named `UNFINISHED`, its upload is not finished, and it is not read.
"""

import shutil
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from components.errors import CaptionflowError, DataError, missing
from components.markers import UNFINISHED, UPLOADED
from components.storage.filesystem import is_remote, local_path, open_filesystem
from components.storage.objects import (
    checksum,
    download_file,
    in_parallel,
    list_objects,
    remove_file,
)
from components.storage.reading import read_bytes


class RemoteFile(NamedTuple):
    """An object of a bucket, as listed.

    Attributes:
        name: Its name relative to the listed folder; empty if the object itself was listed.
        uri: Its full address.
        size: Size in bytes.
        checksum: Checksum of its content, computed by the store; see `objects.checksum`.
    """

    name: str
    uri: str
    size: int
    checksum: str


def exists(uri: str, *, timeout: float | None = None) -> bool:
    """Returns whether a path names an existing file or folder.

    Args:
        uri: A plain path, `file://`, `gs://` or `s3://`, as for all functions of this module.
        timeout: Seconds to wait for the object store, if less than usual.

    Raises:
        SettingError, CaptionflowError: As `open_filesystem`.
    """
    if not is_remote(uri):
        return _is_there(local_path(uri))
    with open_filesystem(uri) as (filesystem, path):
        return bool(list_objects(filesystem, path, timeout=timeout))


def list_remote(uri: str) -> list[RemoteFile]:
    """Lists the object with this name, or all objects in this folder; empty if there are none.

    Raises:
        DataError: If it is a folder whose upload is not finished.
        SettingError, CaptionflowError: As `open_filesystem`.
    """
    with open_filesystem(uri) as (filesystem, path):
        objects = list_objects(filesystem, path)
    scheme = uri.partition("://")[0]
    for name in objects:
        if PurePosixPath(name).name == UNFINISHED:
            raise _unfinished(f"{scheme}://{path}/{name}")
    return [
        RemoteFile(name, f"{scheme}://{found['name']}", found["size"], checksum(found))
        for name, found in sorted(objects.items())
        if PurePosixPath(name).name != UPLOADED
    ]


def local_copy(uri: str, directory: Path) -> Path:
    """Makes what a path names available as local files.

    Args:
        uri: See `exists`.
        directory: Where objects are downloaded to; not used for a local path.

    Returns:
        The local path itself, or the path of the downloaded file or folder.

    Raises:
        DataError: If it does not exist, or is a folder whose upload is not finished.
        SettingError, CaptionflowError: As `open_filesystem`.
    """
    if not is_remote(uri):
        path = local_path(uri)
        if not _is_there(path):
            raise missing(uri)
        if (path / UNFINISHED).exists():
            raise _unfinished(str(path / UNFINISHED))
        return path
    targets = local_targets(uri, directory)
    download(uri, {file.uri: target for file, target in targets.items()})
    return directory / PurePosixPath(uri).name


def local_targets(uri: str, directory: Path) -> dict[RemoteFile, Path]:
    """Lists the objects that a path in a bucket names, and the path of each in a local copy.

    Args:
        uri: An object or a folder in a bucket.
        directory: Directory of the local copy; it is not changed.

    Returns:
        The objects, ordered by name, each with a path below `directory`.

    Raises:
        DataError: If there are no objects, or an object's name points outside its folder.
        SettingError, CaptionflowError: As `open_filesystem`.
    """
    files = list_remote(uri)
    if not files:
        raise missing(uri)
    root = directory / PurePosixPath(uri).name
    targets = {file: root / file.name for file in files}
    for file, target in targets.items():
        # A name may be any text: neither a folder's nor an object's may point outside.
        if not target.resolve().is_relative_to(directory.resolve() / root.name):
            raise DataError(f"An object's name must stay inside its folder: {file.name!r}")
    return targets


def download(uri: str, targets: Mapping[str, Path]) -> None:
    """Downloads objects of a bucket.

    Args:
        uri: Any path in the bucket, for messages.
        targets: The local path of each object, by its address.

    Raises:
        CaptionflowError: If one no longer exists, or as `open_filesystem`.
        SettingError: As `open_filesystem`.
    """
    with open_filesystem(uri) as (filesystem, _):
        try:
            in_parallel(lambda pair: download_file(filesystem, *pair), targets.items())
        except FileNotFoundError as error:
            raise CaptionflowError(f"{uri} was changed while it was read: try again") from error


def read_remote(uri: str) -> bytes:
    """Returns the content of an object.

    Raises:
        DataError: If it does not exist.
        SettingError, CaptionflowError: As `open_filesystem`.
    """
    try:
        return read_bytes(uri)
    except FileNotFoundError as error:
        raise DataError(f"{uri} can't be read: there is no such object") from error


def path_or_content(uri: str) -> str | bytes:
    """Returns a local path unchanged, or the content of an object; raises as `read_remote`."""
    return read_remote(uri) if is_remote(uri) else uri


def remove(uri: str) -> None:
    """Removes a file; does nothing if it does not exist.

    Raises:
        SettingError, CaptionflowError: As `open_filesystem`.
    """
    with open_filesystem(uri) as (filesystem, path):
        remove_file(filesystem, path)


def remove_folder(uri: str) -> None:
    """Removes a folder with all its files; does nothing if it does not exist.

    Raises:
        SettingError, CaptionflowError: As `open_filesystem`.
    """
    if not is_remote(uri):
        shutil.rmtree(local_path(uri), ignore_errors=True)
        return
    with open_filesystem(uri) as (filesystem, path):
        names = list_objects(filesystem, path)
        in_parallel(lambda name: remove_file(filesystem, f"{path}/{name}"), names)


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError as error:
        raise DataError(f"This path can't be read: {path}: {error.strerror}") from error


def _unfinished(marker: str) -> DataError:
    return DataError(
        f"An upload must be finished before it is read: upload again, or wait for it. "
        f"Received: {marker}"
    )
