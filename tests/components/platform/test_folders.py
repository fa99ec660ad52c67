import errno
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from google.cloud import storage

from components.errors import SettingError
from components.platform.folders import (
    fetch_files,
    list_files,
    mark_used,
    prepare_folder,
    put_file,
    remove_files,
)

Write = Callable[[str, str], Path]


@pytest.fixture(params=["local", "gs://"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "local":
        return str(tmp_path / "store")
    request.getfixturevalue("bucket")
    return "gs://photos/store"


@pytest.fixture
def write(tmp_path: Path) -> Write:
    (tmp_path / "made").mkdir()

    def write_file(name: str, content: str) -> Path:
        path = tmp_path / "made" / name
        path.write_text(content)
        return path

    return write_file


def test_folder_keeps_what_is_put_there(folder: str, write: Write, tmp_path: Path) -> None:
    prepare_folder(folder)
    assert list_files(folder) == []
    for name in ("b", "a"):
        put_file(write(name, f"this is {name}"), folder)
    put_file(write("a", "this is a"), f"{folder}/deeper")
    found = list_files(folder)
    assert [(file.name, file.size) for file in found] == [("a", 9), ("b", 9), ("deeper/a", 9)]
    assert all(abs(file.used - datetime.now(UTC)) < timedelta(minutes=5) for file in found)

    here = tmp_path / "here"
    here.mkdir()
    assert fetch_files(folder, ["b", "deeper/a", "gone"], here) == ["b", "deeper/a"]
    assert {path.name: path.read_text() for path in here.iterdir()} == {
        "a": "this is a",
        "b": "this is b",
    }
    # What one run has fetched, another can't take away.
    remove_files(folder, ["b", "gone", "deeper/a"])
    assert [file.name for file in list_files(folder)] == ["a"]
    assert (here / "b").read_text() == "this is b"


def test_mark_used_notes_the_moment(folder: str, write: Write, tmp_path: Path) -> None:
    put_file(write("a", "text"), folder)
    [before] = list_files(folder)
    time.sleep(0.05)
    mark_used(folder, ["a", "gone"])
    [after] = list_files(folder)
    assert after.used > before.used
    assert (after.name, after.size) == (before.name, before.size)


def test_put_file_again_leaves_what_is_there(folder: str, write: Write) -> None:
    for _ in range(2):
        put_file(write("a", "text"), folder)
    assert [(file.name, file.size) for file in list_files(folder)] == [("a", 4)]


def test_put_and_fetch_on_another_file_system_copy(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def link(*_: object) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", link)
    store, here = tmp_path / "store", tmp_path / "here"
    put_file(write("a", "text"), str(store))
    assert fetch_files(str(store), ["a", "gone"], here) == ["a"]
    assert (here / "a").read_text() == "text"
    assert [path.name for path in here.iterdir()] == ["a"]


def test_list_files_leaves_out_what_is_not_whole_yet(tmp_path: Path) -> None:
    (tmp_path / ".12-a").touch()
    assert list_files(str(tmp_path)) == []


def test_prepare_folder_that_can_not_be_made_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SettingError, match=r"must be one that can be written: .*file"):
        prepare_folder(str(tmp_path / "file" / "store"))


def test_prepare_folder_of_an_unknown_bucket_says_how_to_make_it(bucket: storage.Bucket) -> None:
    with pytest.raises(SettingError, match="gcloud storage buckets create gs://unknown"):
        prepare_folder("gs://unknown/store")
