"""Feature shards: files of features that never change, named by their content.

A shard is a NumPy array with an entry for each photo: the SHA-256 of the photo's bytes, and its
feature. Its file name is the SHA-256 of the file and the number of entries, so a corrupt file does
not match its name, and shards can be counted without reading them.
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
# Bytes of a SHA-256.
_DIGEST = 32


def entry_count(name: str) -> int | None:
    """Returns the number of entries in a shard of this file name; None if it is not a shard's."""
    match = _NAME.fullmatch(name)
    return int(match[2]) if match else None


def write_feature_shard(
    directory: Path, photos: Sequence[str], features: NDArray[np.float16]
) -> Path:
    """Writes a feature shard, whole or not at all.

    Args:
        directory: Where the file goes.
        photos: SHA-256 of each photo's bytes, 64 hex digits; N of them, at least one.
        features: float16 [N, ...], of any shape.

    Returns:
        The file's path.
    """
    shape = features.shape[1:]
    entries = np.empty(len(photos), [(_PHOTO, "u1", (_DIGEST,)), (_FEATURE, _FEATURE_TYPE, shape)])
    digests = np.frombuffer(bytes.fromhex("".join(photos)), np.uint8)
    entries[_PHOTO] = digests.reshape(-1, _DIGEST)  # [N * 32] -> [N, 32]
    entries[_FEATURE] = features
    buffer = io.BytesIO()
    np.save(buffer, entries, allow_pickle=False)
    content = buffer.getvalue()
    path = directory / f"{hashlib.sha256(content).hexdigest()}-{len(photos)}.npy"
    with atomic_file(path) as aside:
        aside.write_bytes(content)
    return path


def read_feature_shard(path: Path) -> tuple[list[str], NDArray[np.float16]]:
    """Reads a feature shard.

    Args:
        path: A file that `write_feature_shard` wrote.

    Returns:
        The photos' SHA-256, and their features, float16 [N, ...], memory-mapped.

    Raises:
        DataError: If the content does not match the file's name, or is not a feature shard.
    """
    match = _NAME.fullmatch(path.name)
    if match is None or fingerprint_file(path) != match[1]:
        raise DataError(f"A feature shard must have the SHA-256 in its name. Received: {path}")
    try:
        entries = np.load(path, mmap_mode="r", allow_pickle=False)
        digests = bytes(np.ascontiguousarray(entries[_PHOTO]).data)
        features = entries[_FEATURE]
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise DataError(f"{path} must be a feature shard: {error}") from error
    if features.dtype != _FEATURE_TYPE or len(digests) != _DIGEST * int(match[2]):
        raise DataError(f"{path} must be a feature shard with {match[2]} float16 features")
    return [digests[i : i + _DIGEST].hex() for i in range(0, len(digests), _DIGEST)], features
