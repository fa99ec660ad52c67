"""Keeps the encoder's features of requested photos, for a later drift test.

A folder, local, `gs://` or `s3://`, with a folder for each encoder: its `encoder.json`, and NumPy
files of float16 features whose names begin with the time. Photos, captions and names are never
written. Each file has a unique name and appears only when it is complete, so any number of
processes may share a folder. The oldest files are removed once there are too many.
"""

import json
import logging
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from typing import Any, Self
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from components.artifacts.files import ENCODER_FILE
from components.errors import CaptionflowError
from components.storage.filesystem import (
    is_remote,
    local_path,
    open_filesystem,
    require_writable,
)
from components.storage.objects import list_objects, remove_file
from components.storage.upload import upload

logger = logging.getLogger(__name__)

#: Older files are removed.
MAX_AGE = timedelta(days=30)
#: The oldest files are removed until all together have at most this many bytes ...
MAX_BYTES = 64 * 2**20
#: ... and are at most this many.
MAX_FILES = 2000

# Photos per file ...
_PHOTOS = 64
# ... unless the first one has waited for this many seconds.
_SECONDS = 600.0
_TIME = "%Y%m%dT%H%M%S.%fZ"


def encoder_folder(encoder: Mapping[str, Any]) -> str:
    """Returns the name of the folder for an encoder's features.

    Args:
        encoder: Its spec; features are comparable if `sha256` (of the weights), `precision` and
            `multi_crop` are equal.
    """
    name = f"{encoder['sha256'][:16]}-{encoder['precision']}"
    return f"{name}-multi-crop" if encoder["multi_crop"] else name


class FeatureKeeper:
    """Writes features into a folder; close it, or use it in a `with` block.

    Later problems with the folder are only logged, since they must not stop a server.

    Args:
        uri: The folder; a local one is created for this user alone.
        encoder: The spec of the encoder, as in `encoder.json`.
        photos: Photos per file.
        max_age: See `MAX_AGE`.
        max_bytes: See `MAX_BYTES`.

    Raises:
        SettingError: If files can't be written, read and removed there.
        CaptionflowError: If an object store does not answer.
    """

    def __init__(
        self,
        uri: str,
        encoder: Mapping[str, Any],
        *,
        photos: int = _PHOTOS,
        max_age: timedelta = MAX_AGE,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        self._uri = uri.rstrip("/")
        self._folder = f"{self._uri}/{encoder_folder(encoder)}"
        self._photos, self._max_age, self._max_bytes = photos, max_age, max_bytes
        self._pending: list[NDArray[np.float16]] = []
        self._since = 0.0
        self._lock = Lock()
        if not is_remote(uri):
            with open_filesystem(uri):
                local_path(uri).mkdir(mode=0o700, parents=True, exist_ok=True)
        require_writable(self._uri)
        with TemporaryDirectory(prefix="captionflow-") as folder:
            file = Path(folder) / ENCODER_FILE
            file.write_text(json.dumps(dict(encoder), indent=2), encoding="utf-8")
            upload(file, f"{self._folder}/{ENCODER_FILE}")

    def __enter__(self) -> Self:
        """Returns the keeper itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Closes the keeper."""
        self.close()

    def add(self, features: NDArray[np.float16]) -> None:
        """Keeps the features of photos, float16 [N, D]; several threads may call it."""
        with self._lock:
            if not self._pending:
                self._since = time.monotonic()
            self._pending.append(features.copy())
            full = sum(map(len, self._pending)) >= self._photos
            if not full and time.monotonic() - self._since < _SECONDS:
                return
            pending, self._pending = self._pending, []
        self._write(pending)

    def close(self) -> None:
        """Writes the features that have not been written yet."""
        with self._lock:
            pending, self._pending = self._pending, []
        if pending:
            self._write(pending)

    def _write(self, pending: list[NDArray[np.float16]]) -> None:
        name = f"{datetime.now(UTC):{_TIME}}-{uuid4().hex[:12]}.npy"
        try:
            with TemporaryDirectory(prefix="captionflow-") as folder:
                np.save(Path(folder) / name, np.concatenate(pending), allow_pickle=False)
                upload(Path(folder) / name, f"{self._folder}/{name}")
            remove_old(self._uri, max_age=self._max_age, max_bytes=self._max_bytes)
        except CaptionflowError as error:
            logger.warning("Features of %d photos are not kept: %s", len(pending), error)


def list_kept(uri: str) -> dict[str, int]:
    """Returns the size in bytes of each file of features, oldest first.

    Args:
        uri: The folder; one that does not exist has no files.

    Returns:
        Sizes by name below the folder, such as `0123456789abcdef-float32/20261130T….npy`.

    Raises:
        SettingError, CaptionflowError: If the folder can't be read.
    """
    with open_filesystem(uri) as (filesystem, path):
        found = list_objects(filesystem, path)
    return {
        name: int(found[name]["size"])
        for name in sorted(found, key=lambda name: Path(name).name)
        if _written(name) is not None
    }


def remove_old(uri: str, *, max_age: timedelta, max_bytes: int, max_files: int = MAX_FILES) -> None:
    """Removes the oldest files of features while they exceed a limit; other files stay.

    Args:
        uri: The folder.
        max_age: Older files are removed.
        max_bytes: Maximum size of all files together, in bytes.
        max_files: Number of files that may be kept.

    Raises:
        SettingError, CaptionflowError: If the folder can't be read, or a file can't be removed.
    """
    kept = list_kept(uri)
    oldest, total, count = datetime.now(UTC) - max_age, sum(kept.values()), len(kept)
    with open_filesystem(uri) as (filesystem, path):
        for name, size in kept.items():
            written = _written(name)
            expired = written is not None and written < oldest
            if not expired and total <= max_bytes and count <= max_files:
                break
            # Does nothing if another process has removed it already.
            remove_file(filesystem, f"{path}/{name}")
            total, count = total - size, count - 1


def _written(name: str) -> datetime | None:
    """Returns when a file of features was written; None if it is another file."""
    stem, _, suffix = Path(name).name.partition("-")
    try:
        # A temporary file begins with a dot.
        time = datetime.strptime(stem, _TIME).replace(tzinfo=UTC)
    except ValueError:
        return None
    return time if suffix.endswith(".npy") else None
