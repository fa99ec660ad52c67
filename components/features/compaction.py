"""Many small segments to few large ones: a bucket takes as long for a small object."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from components.features.shards import read_feature_shard, write_feature_shard

#: Bytes of features that a segment is meant to hold at most.
SHARD_BYTES = 32 * 2**20
#: A segment of fewer bytes is a small one.
SMALL_BYTES = SHARD_BYTES // 2


def compact_shards(paths: Sequence[Path], directory: Path) -> list[Path]:
    """Writes what segments hold into few large ones; a photo that is in several, once.

    Args:
        paths: Whole segments, of features of one shape.
        directory: Where the new ones go.

    Returns:
        The new ones. The same segments give the same.

    Raises:
        DataError: As `read_feature_shard`.
    """
    photos: list[str] = []
    features: list[NDArray[np.float16]] = []
    merged, seen = [], set[str]()
    for photo, feature in _entries(sorted(paths)):
        if photo in seen:
            continue
        seen.add(photo)
        photos.append(photo)
        features.append(feature)
        if len(photos) * feature.nbytes >= SHARD_BYTES:
            merged.append(write_feature_shard(directory, photos, np.stack(features)))
            photos, features = [], []
    if photos:
        merged.append(write_feature_shard(directory, photos, np.stack(features)))
    return merged


def _entries(paths: Sequence[Path]) -> Iterator[tuple[str, NDArray[np.float16]]]:
    for path in paths:
        yield from zip(*read_feature_shard(path), strict=True)
