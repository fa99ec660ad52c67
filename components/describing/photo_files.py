"""Which photos are meant, local or in buckets, and their bytes."""

import base64
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from components.captioning.encoder.images import MAX_BYTES
from components.errors import DataError
from components.platform.storage import PATIENCE, SCHEME, is_remote


@dataclass(frozen=True, slots=True)
class PhotoFile:
    """A file that should be a photo; whether it is one, its content tells.

    Attributes:
        name: Its path as it was named, or below the folder as that was named; or its `gs://`.
        size: In a bucket: its bytes, as listed.
        stored: In a bucket: what tells its content, as listed; see `content_of`.
    """

    name: str
    size: int = 0
    stored: str = ""


def find_photos(sources: Sequence[str], *, besides: Path | None = None) -> list[PhotoFile]:
    """Returns the files that are meant, each once.

    Args:
        sources: Files and folders, local or `gs://`. Of a folder all files count, those of its
            folders too, whatever their names: content tells what is a photo. Only what is hidden
            (a name that begins with a dot, or below one) is left out.
        besides: A local file that is none of them.

    Returns:
        In the order of the sources, a folder's by name. A file that is named but not there is
        among them: to read it will say so.

    Raises:
        DataError: If a folder holds no files, or can't be listed.
        SettingError: If a path is neither local nor `gs://`, or a bucket can't be used.
        CaptionflowError: If Cloud Storage does not answer.
    """
    apart = None if besides is None else besides.resolve()
    found: dict[str, PhotoFile] = {}
    for source in sources:
        if is_remote(source):
            files = _below_remote(source)
        elif Path(source).is_dir():
            files = [
                PhotoFile(str(path)) for path in _below(Path(source)) if path.resolve() != apart
            ]
        else:
            files = [PhotoFile(str(Path(source)))]
        if not files:
            raise DataError(f"A folder must hold photos. Received none: {source}")
        found.update((file.name, file) for file in files)
    return list(found.values())


def content_of(name: str, content: bytes) -> str:
    """Returns what tells a photo's content: in a bucket the checksum that the bucket keeps."""
    if not is_remote(name):
        return f"sha256:{hashlib.sha256(content).hexdigest()}"
    import google_crc32c

    return _stored(base64.b64encode(google_crc32c.value(content).to_bytes(4, "big")).decode())


@contextmanager
def reading(photos: Iterable[PhotoFile]) -> Iterator[Callable[[PhotoFile], bytes]]:
    """Yields what reads any of these photos' bytes; threads may call it side by side.

    It raises a DataError for a photo that can't be had, or is larger than `MAX_BYTES`.

    Raises:
        SettingError: If a bucket can't be used.
        CaptionflowError: If Cloud Storage does not answer; also in the block.
    """
    with ExitStack() as stack:
        ways: dict[str, Callable[[PhotoFile], bytes]] = {"": _read}
        for bucket in {_bucket(photo) for photo in photos} - {""}:
            ways[bucket] = stack.enter_context(_reading_bucket(bucket))
        yield lambda photo: ways[_bucket(photo)](photo)


def _bucket(photo: PhotoFile) -> str:
    if not is_remote(photo.name):
        return ""
    return photo.name.removeprefix(SCHEME).partition("/")[0]


@contextmanager
def _reading_bucket(bucket: str) -> Iterator[Callable[[PhotoFile], bytes]]:
    from google.api_core.exceptions import NotFound

    from components.platform.buckets import open_place

    with open_place(SCHEME + bucket, PATIENCE) as place:

        def read(photo: PhotoFile) -> bytes:
            _check_size(photo.name, photo.size)
            blob = place.bucket.blob(photo.name.removeprefix(f"{SCHEME}{bucket}/"))
            try:
                return bytes(blob.download_as_bytes(retry=place.retry))
            except NotFound as error:
                raise DataError(f"{photo.name} can't be read: there is no such object") from error

        yield read


def _read(photo: PhotoFile) -> bytes:
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
    from components.platform.buckets import open_place
    from components.platform.transfers import find

    with open_place(uri, PATIENCE) as place:
        if not place.blobs():
            return [PhotoFile(uri)]
        return [
            PhotoFile(f"{SCHEME}{place.bucket.name}/{blob.name}", blob.size, _stored(blob.crc32c))
            for blob in find(place, uri)
            if not any(
                part.startswith(".") for part in blob.name.removeprefix(place.prefix).split("/")
            )
        ]


def _stored(crc32c: str) -> str:
    return f"crc32c:{crc32c}"
