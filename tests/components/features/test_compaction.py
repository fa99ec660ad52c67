from pathlib import Path

import numpy as np
import pytest

from components.features import compaction as merging
from components.features.compaction import compact_shards
from components.features.shards import read_feature_shard, write_feature_shard


def _photo(number: int) -> str:
    return f"{number:064x}"


def _write(directory: Path, *photos: int) -> Path:
    features = np.array([[number, -number] for number in photos], np.float16)
    return write_feature_shard(directory, [_photo(number) for number in photos], features)


def test_merge_segments_keeps_each_photo_once(tmp_path: Path) -> None:
    paths = [_write(tmp_path, 1, 2), _write(tmp_path, 3), _write(tmp_path, 2, 4)]
    [merged] = compact_shards(paths, tmp_path)
    photos, features = read_feature_shard(merged)
    found = {photo: feature.tolist() for photo, feature in zip(photos, features, strict=True)}
    assert len(photos) == 4
    assert found == {_photo(number): [number, -number] for number in (1, 2, 3, 4)}
    # Two runs that merge the same make the same.
    assert compact_shards(paths[::-1], tmp_path) == [merged]


def test_merge_segments_makes_no_file_too_large(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Two features of two numbers of two bytes.
    monkeypatch.setattr(merging, "SHARD_BYTES", 8)
    merged = compact_shards([_write(tmp_path, number) for number in range(5)], tmp_path)
    assert [len(read_feature_shard(path)[0]) for path in merged] == [2, 2, 1]
