import json
import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from components.drift import kept_features
from components.drift.kept_features import FeatureKeeper, list_kept, remove_old
from components.drift.requests import read_requests
from components.errors import SettingError

_ENCODER = {"network": "X", "sha256": "a" * 64, "precision": "float32", "multi_crop": False}
_FOLDER = "a" * 16 + "-float32"


def _rows(*values: float) -> Any:
    return np.array([[value, 0.5] for value in values], np.float16)


def _read(uri: str, encoder: dict[str, str] = _ENCODER) -> list[float]:
    return [float(row[0]) for row in read_requests(uri, encoder, 2).features]


def _name(age: timedelta, digits: str = "0") -> str:
    return f"{datetime.now(UTC) - age:%Y%m%dT%H%M%S.%fZ}-{digits * 12}.npy"


def test_keeper_writes_features_and_encoder_alone(store: Any) -> None:
    with FeatureKeeper(store.uri, _ENCODER) as keeper:
        keeper.add(_rows(1))
        keeper.add(_rows(2, 3))
        assert list_kept(store.uri) == {}
    content = store.content()
    (name,) = list_kept(store.uri)
    assert set(content) == {name, f"{_FOLDER}/encoder.json"}
    assert json.loads(content[f"{_FOLDER}/encoder.json"]) == _ENCODER
    assert _read(store.uri) == [1, 2, 3]


def test_keeper_of_a_local_folder_makes_it_private(tmp_path: Path) -> None:
    FeatureKeeper(str(tmp_path / "new"), _ENCODER).close()
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700


def test_keeper_writes_a_file_whenever_enough_photos_came(tmp_path: Path) -> None:
    keeper = FeatureKeeper(str(tmp_path), _ENCODER, photos=2)
    for value in (1, 2, 3, 4, 5):
        keeper.add(_rows(value))
    assert (len(list_kept(str(tmp_path))), _read(str(tmp_path))) == (2, [1, 2, 3, 4])


def test_keeper_writes_a_file_when_the_first_photo_has_waited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_features, "_SECONDS", 0.0)
    FeatureKeeper(str(tmp_path), _ENCODER).add(_rows(1))
    assert _read(str(tmp_path)) == [1]


def test_keeper_of_a_folder_that_is_a_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingError, match="file must be readable and writable"):
        FeatureKeeper(str(tmp_path / "file"), _ENCODER)


def test_keeper_whose_folder_fails_later_warns_and_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    keeper = FeatureKeeper(str(tmp_path / "kept"), _ENCODER, photos=1)
    (tmp_path / "kept").rename(tmp_path / "moved")
    (tmp_path / "kept").write_text("")
    keeper.add(_rows(1))
    assert "Features of 1 photos are not kept" in caplog.text


def test_remove_old_removes_by_age_then_size_then_count(store: Any) -> None:
    names = [f"{_FOLDER}/{_name(timedelta(days=days))}" for days in (40, 3, 2, 1)]
    for name in names:
        store.write(name, b"0123456789")
    store.write(f"{_FOLDER}/encoder.json", b"{}")
    store.write("notes.npy", b"of somebody else")

    def kept(**limits: Any) -> list[str]:
        limits = {"max_age": timedelta(days=30), "max_bytes": 100, **limits}
        remove_old(store.uri, **limits)
        return list(list_kept(store.uri))

    assert kept() == names[1:]
    assert kept(max_bytes=20) == names[2:]
    assert kept(max_files=1) == names[3:]
    assert set(store.content()) == {names[3], f"{_FOLDER}/encoder.json", "notes.npy"}


def test_keeper_removes_the_oldest_files(tmp_path: Path) -> None:
    size = len(_rows(1).tobytes()) + 128  # NumPy's header
    keeper = FeatureKeeper(str(tmp_path), _ENCODER, photos=1, max_bytes=2 * size)
    for value in (1, 2, 3):
        keeper.add(_rows(value))
    assert _read(str(tmp_path)) == [2, 3]


def _keep(uri: str, start: int) -> None:
    with FeatureKeeper(uri, _ENCODER, photos=1, max_bytes=2000) as keeper:
        for value in range(start, start + 20):
            keeper.add(_rows(value))


def test_several_processes_share_a_folder(tmp_path: Path) -> None:
    with ProcessPoolExecutor(3, multiprocessing.get_context("spawn")) as pool:
        for each in [pool.submit(_keep, str(tmp_path), start) for start in (0, 100, 200)]:
            each.result()
    kept = list_kept(str(tmp_path))
    assert sum(kept.values()) <= 2000
    assert len(_read(str(tmp_path))) == len(kept) == 2000 // 132
    # Nothing half written is left.
    assert {path.name[0] for path in tmp_path.rglob("*") if path.is_file()} == {"2", "e"}


def test_read_requests_counts_a_photo_once_and_leaves_out_other_encoders(store: Any) -> None:
    others = ({**_ENCODER, "precision": "bfloat16"}, {**_ENCODER, "multi_crop": True})
    kept = ((_ENCODER, (1, 2)), (_ENCODER, (2, 3)), (others[0], (7,)), (others[1], (8,)))
    for encoder, values in kept:
        with FeatureKeeper(store.uri, encoder) as keeper:
            keeper.add(_rows(*values))
    found = read_requests(store.uri, _ENCODER, 2)
    assert [row[0] for row in found.features] == [1, 2, 3]
    name = "a" * 16
    assert found.others == [f"{name}-bfloat16", f"{name}-float32-multi-crop"]


def test_read_requests_of_nothing_is_empty(tmp_path: Path) -> None:
    found = read_requests(str(tmp_path / "never"), _ENCODER, 2)
    assert (found.features.shape, found.others) == ((0, 2), [])


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(path.read_bytes()[:-1]),
        lambda path: path.write_bytes(b"no array"),
        lambda path: np.save(path, np.zeros((3, 5), np.float16)),
        lambda path: np.save(path, np.full((3, 2), np.nan, np.float16)),
        lambda path: np.save(path, np.array([{}]), allow_pickle=True),
    ],
    ids=["truncated", "other", "width", "nan", "pickle"],
)
def test_read_requests_leaves_out_damaged_files(
    damage: Callable[[Path], Any], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with FeatureKeeper(str(tmp_path), _ENCODER, photos=1) as keeper:
        keeper.add(_rows(1))
        keeper.add(_rows(2))
    first = next(iter(list_kept(str(tmp_path))))
    damage(tmp_path / first)
    assert _read(str(tmp_path)) == [2]
    assert first in caplog.text
