"""Checks of photos in the feature store: a run that was killed continues with the photos left.

Beside the folders of encoders (`components.features.store`), the store has one for each version of
the code that checks a photo. It holds Parquet files of some hundred checks each, named by the
SHA-256 of their content and the number of checks. They appear whole or not at all, and never
change. A corrupt file does not match its name; it is removed, and its photos are checked again.

Each run reads all files, and they are never compacted, since that would save little. The checks of
a million photos, in 2,000 files of 512, have 67 MB and take 8 seconds of processor time to read;
6,000 files of one check, as from small additions each day, take 4 seconds. Checking a million
photos takes 1.6 hours. Checks of photos that no longer exist stay until `prune` removes the folder.
"""

import hashlib
import logging
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from components.artifacts.code_version import code_version
from components.artifacts.fingerprint import fingerprint_file, fingerprint_value
from components.ingest.images.checks import ImageCheck
from components.ingest.images.file_keys import KEY_BYTES, KEYS
from components.storage.shared_folder import (
    StoredFile,
    fetch_files,
    list_files,
    mark_used_daily,
    put_file,
    remove_files,
)

logger = logging.getLogger(__name__)

# The module that decides what a check says. Changes of other code do not affect its results.
_CODE = "components.ingest.images.checks"
_NAME = re.compile(r"([0-9a-f]{64})-\d+\.parquet")
# Files that are fetched at once.
_FILES = 64
_DIGEST_BYTES = 32
_SCHEMA = pa.schema(
    [
        ("key", pa.binary(KEY_BYTES)),
        ("reason", pa.string()),
        ("sha256", pa.binary()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("perceptual_hash", pa.uint64()),
    ]
)
# The columns in memory; "state" is one of the three below.
_ROW = np.dtype(
    [
        ("state", "u1"),
        ("sha256", f"V{_DIGEST_BYTES}"),
        ("width", "<i4"),
        ("height", "<i4"),
        ("perceptual_hash", "<u8"),
    ]
)
# Not checked; checked without being read; read and checked.
_MISSING, _UNREAD, _CHECKED = 0, 1, 2


def checks_folder(store: str) -> str:
    """Returns the folder of a feature store with the checks of this version of `check_image`.

    Args:
        store: The setting.
    """
    version = {"checks": code_version(_CODE), "columns": str(_SCHEMA)}
    return f"{store.rstrip('/')}/{fingerprint_value(version)}"


def add_checks(checks: Iterable[tuple[str, ImageCheck]], folder: str) -> None:
    """Writes checks to a folder as one file.

    Args:
        checks: The file's key, as hex digits, and its check; at least one.
        folder: The folder, local or in a bucket.

    Raises:
        SettingError, CaptionflowError: If the folder can't be used.
    """
    rows = [
        {
            "key": bytes.fromhex(key),
            "reason": check.reason,
            "sha256": bytes.fromhex(check.sha256),
            "width": check.width,
            "height": check.height,
            "perceptual_hash": int(check.perceptual_hash or "0", 16),
        }
        for key, check in checks
    ]
    buffer = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(rows, _SCHEMA), buffer)
    content = buffer.getvalue().to_pybytes()
    with TemporaryDirectory(prefix="captionflow-checks-") as temporary:
        name = f"{hashlib.sha256(content).hexdigest()}-{len(rows)}.parquet"
        file = Path(temporary, name)
        file.write_bytes(content)
        put_file(file, folder)


class StoredChecks:
    """The checks of some files, in columns of 50 bytes a file.

    Args:
        keys: Keys of the files, of type `KEYS`, ascending, each once; N of them.

    Attributes:
        reasons: Why files can't be used, by row.
    """

    def __init__(self, keys: NDArray[np.bytes_]) -> None:
        self.reasons: dict[int, str] = {}
        self._keys = keys
        self._rows = np.zeros(len(keys), _ROW)
        self._read: dict[str, bool] = {}

    def read(self, folder: str, scratch: Path) -> None:
        """Reads what was added to a folder since the last call.

        Args:
            folder: The folder, local or in a bucket.
            scratch: A local folder for copies.

        Raises:
            SettingError, CaptionflowError: If the folder can't be used.
        """
        scratch.mkdir(exist_ok=True)
        names = [file.name for file in self._new_files(folder)]
        for start in range(0, len(names), _FILES):
            for name in fetch_files(folder, names[start : start + _FILES], scratch):
                if self._is_intact(folder, scratch / name):
                    self._read[name] = self._read_file(scratch / name)
                (scratch / name).unlink()

    def missing(self) -> NDArray[np.intp]:
        """Returns the rows of files without a check, ascending."""
        return np.flatnonzero(self._rows["state"] == _MISSING)

    def check(self, row: int, image_id: str) -> ImageCheck:
        """Returns the check of a file, as that of an image with this id."""
        facts = self._rows[row]
        digest = bytes(facts["sha256"]).hex() if facts["state"] == _CHECKED else ""
        reason = self.reasons.get(row, "")
        seen = "" if reason else f"{int(facts['perceptual_hash']):016x}"
        return ImageCheck(image_id, reason, digest, int(facts["width"]), int(facts["height"]), seen)

    def mark_used(self, folder: str) -> None:
        """Marks files of a folder that had any of these checks, which keeps them from eviction."""
        used = {name for name, had_any in self._read.items() if had_any}
        mark_used_daily(folder, [file for file in list_files(folder) if file.name in used])

    def _new_files(self, folder: str) -> Iterator[StoredFile]:
        for file in list_files(folder):
            if file.name not in self._read and _NAME.fullmatch(file.name):
                yield file

    def _is_intact(self, folder: str, path: Path) -> bool:
        """Returns whether a file matches its name; if not, removes it from the folder."""
        if fingerprint_file(path) == path.name.partition("-")[0]:
            return True
        # Its name is not noted as read: the file that replaces it may have the same name.
        logger.warning(
            "Removed a corrupt file from the feature store: %s does not have the SHA-256 in "
            "its name. Its photos are checked again",
            path.name,
        )
        remove_files(folder, [path.name])
        return False

    def _read_file(self, path: Path) -> bool:
        """Reads the checks of a file that are wanted; returns whether there are any."""
        found = pq.ParquetFile(path).read().to_pylist()
        keys = np.array([check["key"] for check in found], KEYS)
        rows = np.searchsorted(self._keys, keys).clip(max=len(self._keys) - 1)
        wanted = np.flatnonzero(self._keys[rows] == keys)
        for number, row in zip(wanted.tolist(), rows[wanted].tolist(), strict=True):
            self._set(row, found[number])
        return len(wanted) > 0

    def _set(self, row: int, check: dict[str, object]) -> None:
        state = _CHECKED if check["sha256"] else _UNREAD
        digest = check["sha256"] or bytes(_DIGEST_BYTES)
        size = check["width"], check["height"], check["perceptual_hash"]
        self._rows[row] = (state, digest, *size)
        self.reasons.pop(row, None)
        if check["reason"]:
            self.reasons[row] = str(check["reason"])
