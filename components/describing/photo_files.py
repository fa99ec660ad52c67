"""Photo files, local or in buckets: finds them and reads them."""

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from components.captioning.encoder.images import MAX_BYTES
from components.errors import DataError
from components.storage.filesystem import is_remote, local_path
from components.storage.transfer import list_remote, read_remote

# Files in a folder of photos that are no photos: captions, the output, a README.
_TEXTS = frozenset({".csv", ".html", ".json", ".jsonl", ".md", ".tsv", ".txt", ".yaml", ".yml"})


@dataclass(frozen=True, slots=True)
class PhotoFile:
    """A file that may be a photo; only decoding shows whether it is one.

    Attributes:
        name: Its path, which starts with the source that the user gave; or its URI in a bucket.
        size: Size in bytes that its bucket lists; 0 for a local file.
        checksum: Checksum that its bucket lists; empty for a local file.
    """

    name: str
    size: int = 0
    checksum: str = ""


def find_photos(sources: Sequence[str], *, besides: Path | None = None) -> list[PhotoFile]:
    """Returns the files of some sources, each once.

    Args:
        sources: Files and folders, local or in buckets. A folder stands for all files in it and in
            its subfolders, except texts, such as `captions.jsonl`, and hidden files (a name that
            starts with a dot, of the file or of a folder).
        besides: A local file to leave out, such as the output.

    Returns:
        Files in the order of the sources, those of a folder by name. A file that is named but
        missing is among them: reading it will raise an error.

    Raises:
        DataError: If a folder has no photos, or can't be listed.
        SettingError: If a path has an unknown scheme, or a bucket can't be used.
        CaptionflowError: If the object store does not answer.
    """
    excluded = None if besides is None else besides.resolve()
    found: dict[str, PhotoFile] = {}
    for source in sources:
        if is_remote(source):
            files = _below_remote(source)
        elif (path := local_path(source)).is_dir():
            files = [PhotoFile(str(each)) for each in _below(path) if each.resolve() != excluded]
        else:
            files = [PhotoFile(str(path))]
        if not files:
            raise DataError(f"A folder must have photos in it. There are none in {source}")
        found.update((file.name, file) for file in files)
    return list(found.values())


def photo_checksum(photo: PhotoFile, content: bytes) -> str:
    """Returns a checksum of a photo's content: the one that its bucket listed, or its SHA-256."""
    return photo.checksum or f"sha256:{hashlib.sha256(content).hexdigest()}"


def read_photo(photo: PhotoFile) -> bytes:
    """Reads a file.

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
    # ValueError: not a valid file name.
    except (OSError, ValueError) as error:
        reason = (isinstance(error, OSError) and error.strerror) or error
        raise DataError(f"{photo.name} can't be read: {reason}") from error
    _check_size(photo.name, len(content))
    return content


def _check_size(name: str, size: int) -> None:
    if size > MAX_BYTES:
        raise DataError(
            f"{name} can't be read as a photo: its file must not be larger than {MAX_BYTES} bytes"
        )


def _below(folder: Path) -> Iterator[Path]:
    def fail(error: OSError) -> None:
        raise DataError(f"A folder can't be read: {error}") from error

    for parent, folders, names in os.walk(folder, onerror=fail):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = Path(parent, name)
            if not name.startswith(".") and not _is_text(name) and path.is_file():
                yield path


def _below_remote(uri: str) -> list[PhotoFile]:
    files = list_remote(uri)
    if not files:
        return [PhotoFile(uri)]
    return [
        PhotoFile(file.uri, file.size, file.checksum)
        for file in files
        if not any(part.startswith(".") for part in file.name.split("/"))
        and not _is_text(file.name)
    ]


def _is_text(name: str) -> bool:
    return PurePosixPath(name).suffix.lower() in _TEXTS
