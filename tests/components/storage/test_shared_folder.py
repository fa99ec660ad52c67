import errno
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from components.storage.filesystem import require_writable
from components.storage.shared_folder import (
    fetch_files,
    list_files,
    mark_used,
    put_file,
    remove_files,
)

Write = Callable[[str, str], Path]


@pytest.fixture
def folder(store: Any) -> str:
    return f"{store.uri}/store"


@pytest.fixture
def write(tmp_path: Path) -> Write:
    (tmp_path / "made").mkdir()

    def write_file(name: str, content: str) -> Path:
        path = tmp_path / "made" / name
        path.write_text(content)
        return path

    return write_file


def test_folder_keeps_what_is_put_there(folder: str, write: Write, tmp_path: Path) -> None:
    require_writable(folder)
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


def test_mark_used_notes_the_moment(store: Any, folder: str, write: Write) -> None:
    put_file(write("a", "text"), folder)
    [before] = list_files(folder)
    # S3 counts whole seconds.
    time.sleep(1.1 if store.kind == "s3" else 0.05)
    mark_used(folder, ["a", "gone"])
    [after] = list_files(folder)
    assert after.used > before.used
    assert (after.name, after.size) == (before.name, before.size)
    assert store.content() == {"store/a": b"text"}


def test_put_file_again_leaves_what_is_there(folder: str, write: Write) -> None:
    for _ in range(2):
        put_file(write("a", "text"), folder)
    assert [(file.name, file.size) for file in list_files(folder)] == [("a", 4)]


def test_list_files_leaves_out_what_is_not_complete_yet(store: Any, folder: str) -> None:
    store.write("store/.12-a", b"")
    assert list_files(folder) == []


def test_fetch_files_shares_content_where_it_can_and_copies_where_not(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared, here, there = (tmp_path / name for name in ("store", "here", "there"))
    here.mkdir()
    there.mkdir()
    put_file(write("a", "text"), str(shared))
    assert fetch_files(str(shared), ["a"], here) == ["a"]
    assert (here / "a").samefile(shared / "a")

    def link(*_: object) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", link)
    assert fetch_files(str(shared), ["a", "gone"], there) == ["a"]
    assert not (there / "a").samefile(shared / "a")
    assert [path.read_text() for path in there.iterdir()] == ["text"]
