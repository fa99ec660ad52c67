"""Compaction: many small feature shards become a few large ones.

Each object in a bucket costs a request, however small it is.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from components.features.shards import read_feature_shard, write_feature_shard

#: A shard is closed when its features reach this size, in bytes.
SHARD_BYTES = 32 * 2**20
#: Smaller shards are compacted.
SMALL_BYTES = SHARD_BYTES // 2


def compact_shards(paths: Sequence[Path], directory: Path) -> list[Path]:
    """Writes the features of several shards into a few large ones, each photo once.

    Args:
        paths: Intact shards, of features of one shape.
        directory: Where the new shards go.

    Returns:
        The new shards. They depend only on the given shards, not on the order of these.

    Raises:
        DataError: As `read_feature_shard`.
    """
    photos: list[str] = []
    features: list[NDArray[np.float16]] = []
    compacted, seen = [], set[str]()
    for photo, feature in _entries(sorted(paths)):
        if photo in seen:
            continue
        seen.add(photo)
        photos.append(photo)
        features.append(feature)
        if len(photos) * feature.nbytes >= SHARD_BYTES:
            compacted.append(write_feature_shard(directory, photos, np.stack(features)))
            photos, features = [], []
    if photos:
        compacted.append(write_feature_shard(directory, photos, np.stack(features)))
    return compacted


def _entries(paths: Sequence[Path]) -> Iterator[tuple[str, NDArray[np.float16]]]:
    for path in paths:
        yield from zip(*read_feature_shard(path), strict=True)
