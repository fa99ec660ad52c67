from pathlib import Path

import numpy as np
import pytest

from components.features import compaction
from components.features.compaction import compact_shards
from components.features.shards import read_feature_shard, write_feature_shard


def _photo(number: int) -> str:
    return f"{number:064x}"


def _write(directory: Path, *photos: int) -> Path:
    features = np.array([[number, -number] for number in photos], np.float16)
    return write_feature_shard(directory, [_photo(number) for number in photos], features)


def test_compact_shards_keeps_each_photo_once(tmp_path: Path) -> None:
    paths = [_write(tmp_path, 1, 2), _write(tmp_path, 3), _write(tmp_path, 2, 4)]
    [compacted] = compact_shards(paths, tmp_path)
    photos, features = read_feature_shard(compacted)
    found = {photo: feature.tolist() for photo, feature in zip(photos, features, strict=True)}
    assert len(photos) == 4
    assert found == {_photo(number): [number, -number] for number in (1, 2, 3, 4)}
    # Two runs that compact the same shards write the same file.
    assert compact_shards(paths[::-1], tmp_path) == [compacted]


def test_compact_shards_limits_the_size_of_a_shard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Two features of two float16 numbers each.
    monkeypatch.setattr(compaction, "SHARD_BYTES", 8)
    compacted = compact_shards([_write(tmp_path, number) for number in range(5)], tmp_path)
    assert [len(read_feature_shard(path)[0]) for path in compacted] == [2, 2, 1]
