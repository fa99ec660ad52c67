"""A segment: the features of some photos in one file that never changes, named by its content.

The file is a NumPy array with one entry a photo: the SHA-256 of the photo's bytes, and its
feature. Its name is the SHA-256 of the file and the number of entries, so that a broken one is
told from a whole one, and the number is known without a look inside.
"""

import hashlib
import io
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from components.artifacts.files import atomic_file
from components.artifacts.fingerprint import fingerprint_file
from components.errors import DataError

_NAME = re.compile(r"([0-9a-f]{64})-(\d+)\.npy")
_PHOTO, _FEATURE = "photo", "feature"
_FEATURE_TYPE = np.dtype("<f2")
# A SHA-256, in bytes.
_SUM = 32


def entry_count(name: str) -> int | None:
    """Returns the number of entries that a segment's name tells; None if it is none's name."""
    match = _NAME.fullmatch(name)
    return int(match[2]) if match else None


def write_feature_shard(
    directory: Path, photos: Sequence[str], features: NDArray[np.float16]
) -> Path:
    """Writes a segment, whole or not at all.

    Args:
        directory: Where it goes.
        photos: SHA-256 of each photo's bytes, 64 hex digits; at least one.
        features: float16 [N, ...], of any shape.

    Returns:
        The file.
    """
    shape = features.shape[1:]
    entries = np.empty(len(photos), [(_PHOTO, "u1", (_SUM,)), (_FEATURE, _FEATURE_TYPE, shape)])
    sums = np.frombuffer(bytes.fromhex("".join(photos)), np.uint8)
    entries[_PHOTO] = sums.reshape(-1, _SUM)  # one row a photo
    entries[_FEATURE] = features
    buffer = io.BytesIO()
    np.save(buffer, entries, allow_pickle=False)
    content = buffer.getvalue()
    path = directory / f"{hashlib.sha256(content).hexdigest()}-{len(photos)}.npy"
    with atomic_file(path) as aside:
        aside.write_bytes(content)
    return path


def read_feature_shard(path: Path) -> tuple[list[str], NDArray[np.float16]]:
    """Reads a segment.

    Args:
        path: Written by `write_feature_shard`.

    Returns:
        The photos, and float16 [N, ...], their features. These stay in the file until used.

    Raises:
        DataError: If it is not the file that its name tells, or no segment.
    """
    match = _NAME.fullmatch(path.name)
    if match is None or fingerprint_file(path) != match[1]:
        raise DataError(f"A segment must have the content that its name tells. Received: {path}")
    try:
        entries = np.load(path, mmap_mode="r", allow_pickle=False)
        sums = bytes(np.ascontiguousarray(entries[_PHOTO]).data)
        features = entries[_FEATURE]
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise DataError(f"{path} must be a segment of features: {error}") from error
    if features.dtype != _FEATURE_TYPE or len(sums) != _SUM * int(match[2]):
        raise DataError(f"{path} must be a segment of {match[2]} features, as its name tells")
    return [sums[at : at + _SUM].hex() for at in range(0, len(sums), _SUM)], features
