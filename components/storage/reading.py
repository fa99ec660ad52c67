"""Reads a single file, local or in a bucket."""

from collections.abc import Callable
from errno import ENOENT
from typing import TYPE_CHECKING

from components.storage.filesystem import is_remote, local_path, open_filesystem

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem


class FileTooLargeError(Exception):
    """A file is larger than the limit; the argument is its size in bytes."""


def read_bytes(uri: str, *, most: int | None = None) -> bytes:
    """Returns the content of a file or an object.

    Args:
        uri: A plain path, `file://`, `gs://` or `s3://`.
        most: Maximum size in bytes; None: no limit.

    Raises:
        FileTooLargeError: If it is larger.
        OSError: If the file or object does not exist, or a local file can't be read.
        SettingError, CaptionflowError: As `open_filesystem`.
    """
    if not is_remote(uri):
        path = local_path(uri)
        if most is not None and (size := path.stat().st_size) > most:
            raise FileTooLargeError(size)
        return path.read_bytes()

    def read(filesystem: "AbstractFileSystem", path_there: str) -> bytes:
        if most is not None and (size := filesystem.size(path_there)) > most:
            raise FileTooLargeError(size)
        return bytes(filesystem.cat_file(path_there))

    return _read_object(uri, read)


def read_start(uri: str) -> bytes:
    """Returns the first byte of a file or an object, if it has one; see `read_bytes`."""
    if not is_remote(uri):
        with local_path(uri).open("rb") as file:
            return file.read(1)

    def read(filesystem: "AbstractFileSystem", path: str) -> bytes:
        with filesystem.open(path, "rb") as stream:
            return bytes(stream.read(1))

    return _read_object(uri, read)


def _read_object(uri: str, read: Callable[["AbstractFileSystem", str], bytes]) -> bytes:
    with open_filesystem(uri) as (filesystem, path):
        try:
            return read(filesystem, path)
        except FileNotFoundError:
            gone = FileNotFoundError(ENOENT, "there is no such object", uri)
    # Outside the block, which would report a missing object as a missing bucket.
    raise gone
