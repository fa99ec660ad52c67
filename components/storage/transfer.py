"""Files and folders from the place that a path names; `upload` brings them there.

An object appears whole or not at all; the store sees to that. A folder is many objects: while it
holds one named `UNFINISHED`, its upload is not finished, and it is not read.
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
        name: Its name below the folder that was listed; empty if it was named itself.
        uri: Its whole address.
        size: In bytes.
        checksum: Of its content, as the store computed it; see `objects.checksum`.
    """

    name: str
    uri: str
    size: int
    checksum: str


def exists(uri: str, *, timeout: float | None = None) -> bool:
    """Returns whether a path names a file or a folder that is there.

    Args:
        uri: A plain path, `file://`, `gs://` or `s3://`; so everywhere here.
        timeout: Seconds to wait for the object store, if less than usual.

    Raises:
        SettingError, CaptionflowError: As `open_filesystem`.
    """
    if not is_remote(uri):
        return _is_there(local_path(uri))
    with open_filesystem(uri) as (filesystem, path):
        return bool(list_objects(filesystem, path, timeout=timeout))


def list_remote(uri: str) -> list[RemoteFile]:
    """Lists the object of this name, or all objects of this folder; none is no error.

    Raises:
        DataError: If the upload of a folder there is not finished.
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
        directory: Where objects are downloaded to; not touched for a local path.

    Returns:
        The local path itself, or the path of the downloaded file or folder.

    Raises:
        DataError: If nothing is there, or a folder whose upload is not finished.
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
    """Lists what a path in a bucket names, and where each object would lie in a local copy.

    Args:
        uri: An object or a folder in a bucket.
        directory: Of the local copy; not touched.

    Returns:
        The objects, ordered by name, each with a path below `directory`.

    Raises:
        DataError: If nothing is there, or an object's name leads out of its folder.
        SettingError, CaptionflowError: As `open_filesystem`.
    """
    files = list_remote(uri)
    if not files:
        raise missing(uri)
    root = directory / PurePosixPath(uri).name
    targets = {file: root / file.name for file in files}
    for file, target in targets.items():
        # A name is free text: neither a folder's nor an object's may lead out.
        if not target.resolve().is_relative_to(directory.resolve() / root.name):
            raise DataError(f"An object's name must stay inside its folder: {file.name!r}")
    return targets


def download(uri: str, targets: Mapping[str, Path]) -> None:
    """Downloads objects of a bucket.

    Args:
        uri: Any path in the bucket, for messages.
        targets: The local path of each object, by its address.

    Raises:
        CaptionflowError: If one is gone, or as `open_filesystem`.
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
        DataError: If it is not there.
        SettingError, CaptionflowError: As `open_filesystem`.
    """
    try:
        return read_bytes(uri)
    except FileNotFoundError as error:
        raise DataError(f"{uri} can't be read: there is no such object") from error


def path_or_content(uri: str) -> str | bytes:
    """Returns a local path as it is, and the content of an object; raises as `read_remote`."""
    return read_remote(uri) if is_remote(uri) else uri


def remove(uri: str) -> None:
    """Removes a file; one that is not there is no error.

    Raises:
        SettingError, CaptionflowError: As `open_filesystem`.
    """
    with open_filesystem(uri) as (filesystem, path):
        remove_file(filesystem, path)


def remove_folder(uri: str) -> None:
    """Removes a folder with all its files; one that is not there is no error.

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
