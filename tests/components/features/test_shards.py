from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from components.artifacts.fingerprint import fingerprint_file
from components.errors import DataError
from components.features.shards import entry_count, read_feature_shard, write_feature_shard

PHOTOS = ["0a" * 32, "ff" * 32]


@pytest.mark.parametrize("shape", [(3,), (64, 5)])
def test_shard_round_trip_keeps_features_of_any_shape(tmp_path: Path, shape: tuple) -> None:
    features = np.random.default_rng(0).normal(size=(2, *shape)).astype(np.float16)
    path = write_feature_shard(tmp_path, PHOTOS, features)
    assert path.name == f"{fingerprint_file(path)}-2.npy"
    photos, read = read_feature_shard(path)
    assert photos == PHOTOS
    assert read.dtype == np.float16
    np.testing.assert_array_equal(read, features)
    assert isinstance(read, np.memmap)


def test_write_feature_shard_twice_gives_the_same_file(tmp_path: Path) -> None:
    paths = {write_feature_shard(tmp_path, PHOTOS, np.ones((2, 3), np.float16)) for _ in range(2)}
    assert list(tmp_path.iterdir()) == list(paths)


@pytest.mark.parametrize(
    "corrupt",
    [
        lambda old: bytes([old[0] ^ 1]) + old[1:],
        lambda old: old[:80] + bytes([old[80] ^ 1]) + old[81:],
        lambda old: old[:-1] + b"\1",
        lambda old: old[:-2],
        lambda _: b"",
        lambda old: old[1:],
    ],
)
def test_read_feature_shard_of_a_corrupt_file_is_refused(
    tmp_path: Path, corrupt: Callable[[bytes], bytes]
) -> None:
    path = write_feature_shard(tmp_path, PHOTOS, np.ones((2, 3), np.float16))
    path.write_bytes(corrupt(path.read_bytes()))
    with pytest.raises(DataError, match="must have the SHA-256 in its name"):
        read_feature_shard(path)


@pytest.mark.parametrize(
    "array",
    [
        np.zeros(2),
        np.array([None, None], object),
        np.zeros(2, [("photo", "u1", (32,)), ("feature", "<f8", (3,))]),
        np.zeros(1, [("photo", "u1", (32,)), ("feature", "<f2", (3,))]),
    ],
)
def test_read_feature_shard_of_another_array_is_refused(tmp_path: Path, array: np.ndarray) -> None:
    # Its name matches its content, so only its type is wrong.
    np.save(tmp_path / "array.npy", array)
    path = tmp_path / f"{fingerprint_file(tmp_path / 'array.npy')}-2.npy"
    (tmp_path / "array.npy").rename(path)
    with pytest.raises(DataError, match="must be a feature shard"):
        read_feature_shard(path)


def test_entry_count_is_read_from_the_name() -> None:
    assert entry_count(f"{'0' * 64}-12.npy") == 12
    assert entry_count(f"{'0' * 64}.h5") is None
    assert entry_count("features-12.npy") is None
