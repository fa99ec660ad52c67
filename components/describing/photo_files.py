"""Which photos are meant, local or in buckets, and their bytes."""

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from components.captioning.encoder.images import MAX_BYTES
from components.errors import DataError
from components.storage.filesystem import is_remote, local_path
from components.storage.transfer import list_remote, read_remote


@dataclass(frozen=True, slots=True)
class PhotoFile:
    """A file that should be a photo; whether it is one, its content tells.

    Attributes:
        name: Its path as it was named, or below the folder as that was named; or its address
            in a bucket.
        size: In a bucket: its bytes, as listed.
        checksum: In a bucket: of its content, as listed; see `content_of`.
    """

    name: str
    size: int = 0
    checksum: str = ""


def find_photos(sources: Sequence[str], *, besides: Path | None = None) -> list[PhotoFile]:
    """Returns the files that are meant, each once.

    Args:
        sources: Files and folders, local or in buckets. Of a folder all files count, those of its
            folders too, whatever their names: content tells what is a photo. Only what is hidden
            (a name that begins with a dot, or below one) is left out.
        besides: A local file that is none of them.

    Returns:
        In the order of the sources, a folder's by name. A file that is named but not there is
        among them: to read it will say so.

    Raises:
        DataError: If a folder holds no files, or can't be listed.
        SettingError: If a path has an unknown scheme, or a bucket can't be used.
        CaptionflowError: If the object store does not answer.
    """
    apart = None if besides is None else besides.resolve()
    found: dict[str, PhotoFile] = {}
    for source in sources:
        if is_remote(source):
            files = _below_remote(source)
        elif (path := local_path(source)).is_dir():
            files = [PhotoFile(str(each)) for each in _below(path) if each.resolve() != apart]
        else:
            files = [PhotoFile(str(path))]
        if not files:
            raise DataError(f"A folder must hold photos. Received none: {source}")
        found.update((file.name, file) for file in files)
    return list(found.values())


def content_of(photo: PhotoFile, content: bytes) -> str:
    """Returns a checksum of a photo's content: in a bucket the one that was listed."""
    return photo.checksum or f"sha256:{hashlib.sha256(content).hexdigest()}"


def read_photo(photo: PhotoFile) -> bytes:
    """Returns the bytes of a file.

    Raises:
        DataError: If it can't be read, or is larger than `MAX_BYTES`.
        SettingError: If a bucket can't be used.
        CaptionflowError: If the object store does not answer.
    """
    if is_remote(photo.name):
        _check_size(photo.name, photo.size)
        return read_remote(photo.name)
    try:
        with Path(photo.name).open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    # ValueError: a name that no file can have.
    except (OSError, ValueError) as error:
        told = (isinstance(error, OSError) and error.strerror) or error
        raise DataError(f"{photo.name} can't be read: {told}") from error
    _check_size(photo.name, len(content))
    return content


def _check_size(name: str, size: int) -> None:
    if size > MAX_BYTES:
        raise DataError(
            f"{name} can't be read as a photo: its file must not be larger than {MAX_BYTES} bytes"
        )


def _below(folder: Path) -> Iterator[Path]:
    def refuse(error: OSError) -> None:
        raise DataError(f"A folder must be one that can be read: {error}") from error

    for place, folders, names in os.walk(folder, onerror=refuse):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = Path(place, name)
            if not name.startswith(".") and path.is_file():
                yield path


def _below_remote(uri: str) -> list[PhotoFile]:
    files = list_remote(uri)
    if not files:
        return [PhotoFile(uri)]
    return [
        PhotoFile(file.uri, file.size, file.checksum)
        for file in files
        if not any(part.startswith(".") for part in file.name.split("/"))
    ]
