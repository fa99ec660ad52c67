import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from components.features import store as store_module
from components.features.shards import read_feature_shard, write_feature_shard
from components.features.store import FeatureStore
from components.storage.shared_folder import list_files

OpenStore = Callable[[], FeatureStore]
SPEC = {"network": "MobileNetV2", "weights": "random", "width": 2}


@pytest.fixture(params=["local", "gs", "s3"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "local":
        return str(tmp_path / "store" / "key")
    request.getfixturevalue({"gs": "bucket", "s3": "s3_bucket"}[request.param])
    return f"{request.param}://runs/store/key"


@pytest.fixture
def open_store(folder: str, tmp_path: Path) -> OpenStore:
    """Opens the store as a new run, with a scratch folder of its own, at each call."""

    def open_again() -> FeatureStore:
        scratch = tmp_path / f"scratch-{len(list(tmp_path.iterdir()))}"
        scratch.mkdir()
        store = FeatureStore(folder, scratch)
        store.fetch()
        return store

    return open_again


def _photo(number: int) -> str:
    return f"{number:064x}"


def _add(store: FeatureStore, *photos: int) -> str:
    features = np.array([[number, -number] for number in photos], np.float16)
    path = write_feature_shard(store.scratch, [_photo(number) for number in photos], features)
    store.add(path)
    return path.name


def _save_encoder(directory: Path) -> Path:
    # The store copies the files, and does not read the network.
    directory.mkdir()
    (directory / "encoder.json").write_text(json.dumps(SPEC))
    (directory / "encoder.weights.h5").write_bytes(b"weights")
    return directory


def test_store_serves_the_next_run_what_this_one_computed(open_store: OpenStore) -> None:
    first = open_store()
    assert first.index() == {}
    name = _add(first, 1, 2)
    second = open_store()
    assert second.index() == {_photo(1): (name, 0), _photo(2): (name, 1)} == first.index()
    assert read_feature_shard(second.scratch / name)[1].tolist() == [[1, -1], [2, -2]]
    # Concurrent runs may add the same features, or those of other photos.
    third = open_store()
    assert _add(second, 1, 2) == name
    _add(second, 3)
    _add(third, 4)
    assert set(open_store().index()) == {_photo(number) for number in (1, 2, 3, 4)}


def test_store_without_a_folder_keeps_features_for_this_run(tmp_path: Path) -> None:
    store = FeatureStore("", tmp_path)
    store.fetch()
    name = _add(store, 1)
    store.finish([name])
    assert store.index() == {_photo(1): (name, 0)}


def test_index_removes_a_corrupt_shard_which_can_be_added_again(
    open_store: OpenStore, folder: str, caplog: pytest.LogCaptureFixture
) -> None:
    name, intact = _add(open_store(), 1, 2), _add(open_store(), 3)
    store = open_store()
    _corrupt(store, name)
    assert set(store.index()) == {_photo(3)}
    assert f"{name}" in caplog.text
    assert [file.name for file in list_files(folder)] == [intact]
    assert _add(store, 1, 2) == name
    assert len(open_store().index()) == 3


def test_encoder_round_trip_keeps_spec_and_weights(open_store: OpenStore, tmp_path: Path) -> None:
    store = open_store()
    assert not store.restore_encoder(tmp_path)
    saved = _save_encoder(tmp_path / "saved")
    store.save_encoder(saved)
    (tmp_path / "taken").mkdir()
    assert open_store().restore_encoder(tmp_path / "taken")
    assert json.loads((tmp_path / "taken" / "encoder.json").read_text()) == SPEC
    assert (tmp_path / "taken" / "encoder.weights.h5").read_bytes() == b"weights"


@pytest.mark.parametrize("kind", ["h5", "json"])
def test_restore_encoder_with_a_corrupt_file_is_refused_until_saved_again(
    open_store: OpenStore, tmp_path: Path, kind: str
) -> None:
    saved = _save_encoder(tmp_path / "saved")
    open_store().save_encoder(saved)
    store = open_store()
    [path] = store.scratch.glob(f"*.{kind}")
    _corrupt(store, path.name)
    (tmp_path / "taken").mkdir()
    assert not store.restore_encoder(tmp_path / "taken")
    assert not list((tmp_path / "taken").iterdir())
    store.save_encoder(saved)
    assert open_store().restore_encoder(tmp_path / "taken")


def test_finish_compacts_small_shards_while_other_runs_read(
    open_store: OpenStore, folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "_COMPACTED_FROM", 3)
    _add(open_store(), 1, 2)
    _add(open_store(), 3)
    reader, compacting = open_store(), open_store()
    compacting.finish([])
    # Two are too few.
    assert len(list_files(folder)) == 2
    late = open_store()
    _add(compacting, 2, 4)
    compacting.finish([])
    [file] = list_files(folder)
    assert file.name.endswith("-4.npy")
    # A run that started earlier keeps what it fetched, and what a late run adds is kept.
    assert set(reader.index()) == {_photo(number) for number in (1, 2, 3)}
    _add(late, 5)
    late.finish([])
    after = open_store()
    assert set(after.index()) == {_photo(number) for number in (1, 2, 3, 4, 5)}
    for photo, (name, row) in after.index().items():
        number = int(photo, 16)
        assert read_feature_shard(after.scratch / name)[1][row].tolist() == [number, -number]


def test_finish_marks_used_files(tmp_path: Path) -> None:
    (tmp_path / "scratch").mkdir()
    store = FeatureStore(str(tmp_path / "store"), tmp_path / "scratch")
    store.fetch()
    used, unused = _add(store, 1), _add(store, 2)
    store.save_encoder(_save_encoder(tmp_path / "saved"))
    for path in (tmp_path / "store").iterdir():
        os.utime(path, (0, 0))
    store.finish([used])
    old = [file.name for file in list_files(store.folder) if file.used.year == 1970]
    assert old == [unused]


def test_fetch_ignores_files_of_others(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "notes.txt").write_text("mine")
    (tmp_path / "scratch").mkdir()
    store = FeatureStore(str(tmp_path / "store"), tmp_path / "scratch")
    store.fetch()
    assert not list(store.scratch.iterdir())


def _corrupt(store: FeatureStore, name: str) -> None:
    # A local store shares the file by a hard link, so its copy is corrupt as well.
    with (store.scratch / name).open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"?")
