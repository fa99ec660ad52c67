"""Files and folders to and from a bucket.

An object appears whole or not at all: Cloud Storage sees to that. A folder is many objects, so an
upload first puts an object of the name `UNFINISHED` into it and removes it last; who finds it
there knows that the folder is not whole.
"""

import base64
import logging
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial, reduce
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote

import google_crc32c
from google.api_core.exceptions import NotFound
from google.cloud import storage

from components.errors import CaptionflowError, DataError, SettingError
from components.platform.buckets import Place, open_place
from components.platform.storage import SCHEME

logger = logging.getLogger(__name__)

#: Lies in a folder of a bucket while it is uploaded, and for as long as that was cut.
UNFINISHED = "_UNFINISHED_UPLOAD"

# In each object's metadata: which folder's upload put it there, and so may replace it.
_FOLDER = "captionflow-folder"
# A larger file goes in chunks of this size; after a cut only the chunk is sent again.
_CHUNK = 8 * 2**20
_AT_ONCE = 8


def find(place: Place, uri: str) -> list[storage.Blob]:
    """Returns the object of this name, or all of a folder.

    Raises:
        DataError: If there is none, or the folder's upload was cut.
    """
    blobs = place.blobs()
    if not blobs:
        raise DataError(f"Nothing lies at this path, check its spelling: {uri}")
    for blob in blobs:
        if PurePosixPath(blob.name).name == UNFINISHED:
            raise DataError(
                f"An upload must be finished before it is read: upload again, or wait for it. "
                f"Received: {SCHEME}{place.bucket.name}/{blob.name}"
            )
    return blobs


def download(uri: str, directory: Path, patience: float) -> Path:
    """Copies what a `gs://` path names into a directory; see `storage.local_copy`."""
    with open_place(uri, patience) as place:
        root = directory / (PurePosixPath(place.prefix).name or place.bucket.name)
        pairs = []
        for blob in find(place, uri):
            relative = blob.name.removeprefix(place.prefix).lstrip("/")
            target = (root / relative) if relative else root
            # An object's name is free text: it must not lead out of the folder.
            if not target.resolve().is_relative_to(directory.resolve()):
                raise DataError(f"An object's name must stay inside its folder: {blob.name!r}")
            target.parent.mkdir(parents=True, exist_ok=True)
            pairs.append((blob, target))
        try:
            _side_by_side(
                lambda pair: pair[0].download_to_filename(pair[1], retry=place.retry), pairs
            )
        except NotFound as error:
            # It is asked for as it was when it was listed.
            raise CaptionflowError(f"{uri} was changed while it was read: try again") from error
    return root


def upload_file(path: Path, uri: str, patience: float) -> int:
    """Makes a file an object; see `storage.upload`."""
    with open_place(uri, patience) as place:
        if not place.prefix or uri.endswith("/"):
            raise SettingError(f"A file's path must name it, not a folder. Received: {uri}")
        there = place.single()
        if there is not None and there.crc32c == _crc32c(path):
            return 0
        _put(place, path, place.prefix)
    return 1


def upload_folder(folder: Path, uri: str, patience: float) -> int:
    """Makes a folder's files objects; see `storage.upload`."""
    files = {
        path.relative_to(folder).as_posix(): path
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    if not files:
        raise DataError(f"A folder must hold files to be uploaded: {folder}")
    with open_place(uri, patience) as place:
        if place.single() is not None:
            raise SettingError(f"A folder's place must not be a file's. Received: {uri}")
        there = {blob.name.removeprefix(place.folder): blob for blob in place.below()}
        marker = there.pop(UNFINISHED, None)
        left_over = [blob for name, blob in there.items() if name not in files]
        _refuse_foreign(place, uri, left_over)
        changed = [
            name
            for name, path in files.items()
            if name not in there or there[name].crc32c != _crc32c(path)
        ]
        if changed or left_over or marker:
            marker = place.bucket.blob(f"{place.folder}{UNFINISHED}")
            marker.upload_from_string("", retry=place.retry)
            _side_by_side(lambda name: _put(place, files[name], f"{place.folder}{name}"), changed)
            _remove(place, left_over)
            _remove(place, [marker])
    logger.info("%d files in %s, %d of them new or changed", len(files), uri, len(changed))
    return len(changed)


def remove(uri: str, patience: float) -> None:
    """Removes an object; one that is not there is no error."""
    with open_place(uri, patience) as place:
        _remove(place, [place.bucket.blob(place.prefix)])


def _refuse_foreign(place: Place, uri: str, left_over: list[storage.Blob]) -> None:
    mark = _mark(place)
    foreign = [blob.name for blob in left_over if (blob.metadata or {}).get(_FOLDER) != mark]
    if foreign:
        raise SettingError(
            f"{uri} must be empty, or hold an earlier upload only: name another place, or remove "
            f"what else is there. Received {len(foreign)} other object(s), such as {foreign[0]}"
        )


def _mark(place: Place) -> str:
    return quote(place.prefix) or "/"


def _put(place: Place, path: Path, name: str) -> None:
    blob = place.bucket.blob(name, chunk_size=_CHUNK)
    blob.metadata = {_FOLDER: _mark(place)}
    # Safe to be asked again: the same object is written, whole, and the last writer wins.
    blob.upload_from_filename(path, retry=place.retry)


def _remove(place: Place, blobs: list[storage.Blob]) -> None:
    # Of two requests because an answer was lost, the second finds nothing: no error.
    place.bucket.delete_blobs(blobs, on_error=lambda _: None, retry=place.retry)


def _side_by_side(call: Callable[[Any], None], items: Iterable[Any]) -> None:
    # transfer_manager would go on to the last item after one has failed, each with its patience;
    # map drops what has not begun.
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        list(pool.map(call, items))


def _crc32c(path: Path) -> str:
    with path.open("rb") as file:
        blocks = iter(partial(file.read, _CHUNK), b"")
        return base64.b64encode(reduce(google_crc32c.extend, blocks, 0).to_bytes(4, "big")).decode()
