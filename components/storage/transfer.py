"""Files and folders to and from the place that a path names.

An object appears whole or not at all; the store sees to that. A folder is many objects, so its
upload first writes an object named `UNFINISHED` into it and removes it last: whoever finds it
there knows that the folder is incomplete. Another object, `UPLOADED`, lists the files of the
upload, which the next upload to the same place may therefore replace or remove.
"""

import json
import logging
import shutil
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, NamedTuple
from uuid import uuid4

from components.errors import CaptionflowError, DataError, SettingError
from components.storage.durability import sync_tree
from components.storage.filesystem import is_remote, local_path, open_filesystem
from components.storage.objects import (
    checksum,
    download_file,
    has_content,
    in_parallel,
    list_objects,
    remove_file,
    upload_file,
)
from components.storage.reading import read_bytes

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

logger = logging.getLogger(__name__)

#: In a folder while it is uploaded, and for as long as the upload is not finished.
UNFINISHED = "_UNFINISHED_UPLOAD"
#: In an uploaded folder: the names of its files, as a JSON list.
UPLOADED = "_UPLOADED_FILES"


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


def upload(source: str | Path, uri: str) -> int:
    """Makes what a path names equal to a local file or folder; `local_copy` brings it back.

    A file appears whole, or what was there before stays. A folder is refused by readers from the
    first change to the last; if the upload is interrupted, until it is repeated. Files that are
    there with the same checksum are not sent again, and those of an earlier upload to the same
    place that the folder no longer has are removed. Empty folders are not uploaded.

    Args:
        source: A local file or folder.
        uri: What it is to be; see `exists`.

    Returns:
        How many files were sent.

    Raises:
        DataError: If `source` is not there, or a folder without files.
        SettingError: If `uri` can't name a file, the folder there holds other files too, or as
            `open_filesystem`.
        CaptionflowError: As `open_filesystem`.
    """
    local = local_copy(str(source), Path())
    with open_filesystem(uri) as (filesystem, path):
        if local.is_dir():
            return _upload_folder(filesystem, local, path, uri)
        if uri.endswith("/") or "/" not in path:
            raise SettingError(f"A file's path must name it, not a folder. Received: {uri}")
        there = list_objects(filesystem, path).get("")
        if there is not None and has_content(filesystem, there, local):
            return 0
        if is_remote(uri):
            upload_file(filesystem, local, path)
        else:
            _copy_whole(local, Path(path))
        return 1


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


def missing(uri: str) -> DataError:
    """Returns the error for a path where there is nothing."""
    return DataError(f"Nothing lies at this path, check its spelling: {uri}")


def _upload_folder(filesystem: "AbstractFileSystem", folder: Path, path: str, uri: str) -> int:
    files = {
        file.relative_to(folder).as_posix(): file
        for file in sorted(folder.rglob("*"))
        if file.is_file() and file.name != UPLOADED
    }
    if not files:
        raise DataError(f"A folder must hold files to be uploaded: {folder}")
    there = list_objects(filesystem, path)
    if "" in there:
        raise SettingError(f"A folder's place must not be a file's. Received: {uri}")
    notes = [name for name in (UPLOADED, UNFINISHED) if there.pop(name, None)]
    ours = {name for note in notes for name in _names(filesystem.cat_file(f"{path}/{note}"))}
    left_over = sorted(there.keys() - files.keys())
    if foreign := [name for name in left_over if name not in ours]:
        raise SettingError(
            f"{uri} must be empty, or hold an earlier upload only: name another place, or remove "
            f"what else is there. Received: {len(foreign)} other files, such as {foreign[0]}"
        )
    changed = [
        name
        for name, file in files.items()
        if name not in there or not has_content(filesystem, there[name], file)
    ]
    if changed or left_over or notes != [UPLOADED]:
        note = json.dumps(sorted(ours | files.keys())).encode()
        filesystem.pipe_file(f"{path}/{UNFINISHED}", note)
        in_parallel(lambda name: upload_file(filesystem, files[name], f"{path}/{name}"), changed)
        in_parallel(lambda name: remove_file(filesystem, f"{path}/{name}"), left_over)
        filesystem.pipe_file(f"{path}/{UPLOADED}", json.dumps(sorted(files)).encode())
        remove_file(filesystem, f"{path}/{UNFINISHED}")
    logger.info("%d files in %s, %d of them new or changed", len(files), uri, len(changed))
    return len(changed)


def _copy_whole(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = target.with_name(f".{uuid4().hex}-{target.name}")
    try:
        shutil.copyfile(source, aside)
        # On the disk before it replaces another file: a power cut then loses neither.
        sync_tree(aside)
        aside.replace(target)
        sync_tree(target)
    finally:
        aside.unlink(missing_ok=True)


def _names(note: bytes) -> set[str]:
    try:
        return set(json.loads(note))
    except (ValueError, TypeError):
        return set()


def _unfinished(marker: str) -> DataError:
    return DataError(
        f"An upload must be finished before it is read: upload again, or wait for it. "
        f"Received: {marker}"
    )
