import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from components.errors import CaptionflowError, DataError, SettingError
from components.markers import UNFINISHED, UPLOADED
from components.storage.transfer import exists, list_remote, local_copy, remove
from components.storage.upload import upload

# One ends in a carriage return, one is empty, one has a name that globs and quotes trip over.
_FILES = {
    "a.txt": b"one dog\r", "deep/er/b.bin": bytes(range(256)), "deep/ü [c]*?#%.txt": b"zwei",
    "empty": b"",
}  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return fill(tmp_path / "artifact", _FILES)


def fill(root: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return root


def held(root: Path) -> dict[str, bytes]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and path.name != UPLOADED
    }


@pytest.mark.parametrize("place", ["", "/runs/1", "/runs/1/"])
def test_folder_that_was_uploaded_comes_back_equal(
    store: Any, folder: Path, tmp_path: Path, place: str
) -> None:
    assert upload(folder, f"{store.uri}{place}") == 4
    assert held(local_copy(f"{store.uri}{place}", tmp_path / "copy")) == _FILES


def test_file_that_was_uploaded_comes_back_equal(store: Any, folder: Path, tmp_path: Path) -> None:
    for name, content in _FILES.items():
        uri = f"{store.uri}/texts/{Path(name).name}"
        assert upload(folder / name, uri) == 1
        assert upload(str(folder / name), uri) == 0
        assert local_copy(uri, tmp_path / "copy").read_bytes() == content
    assert len(store.content()) == 4


def test_file_url_names_a_local_path(folder: Path, tmp_path: Path) -> None:
    upload(folder, f"file://{tmp_path}/copy")
    assert held(tmp_path / "copy") == _FILES
    assert local_copy(f"file://{tmp_path}/copy", tmp_path / "unused") == tmp_path / "copy"
    assert exists(f"file://{tmp_path}/copy")
    assert not (tmp_path / "unused").exists()


def test_path_that_no_file_can_have(tmp_path: Path) -> None:
    for look in (exists, lambda path: local_copy(path, tmp_path)):
        with pytest.raises(DataError, match=r"can't be read: .*: File name too long"):
            look(str(tmp_path / ("n" * 300)))


def test_upload_of_a_large_file_goes_in_parts_and_is_known_again(
    remote: Any, tmp_path: Path
) -> None:
    large = tmp_path / "large"
    large.write_bytes(np.random.default_rng(0).bytes(40 * 2**20))
    assert upload(large, f"{remote.uri}/model") == 1
    assert upload(large, f"{remote.uri}/model") == 0
    copy = local_copy(f"{remote.uri}/model", tmp_path / "copy")
    assert copy.read_bytes() == large.read_bytes()


@pytest.mark.usefixtures("no_waits")
@pytest.mark.parametrize("before", [None, b"an older model"])
def test_upload_of_a_large_file_that_is_cut_leaves_what_was_there(
    proxy: Any, remote: Any, tmp_path: Path, before: bytes | None
) -> None:
    if before:
        remote.write("model", before)
    large = tmp_path / "large"
    large.write_bytes(np.random.default_rng(0).bytes(40 * 2**20))
    proxy.fault = lambda asked: "cut" if asked.is_upload and proxy.uploads() > 1 else None
    with pytest.raises(CaptionflowError, match="must answer"):
        upload(large, f"{remote.uri}/model")
    assert remote.content() == ({"model": before} if before else {})


def test_upload_sends_what_changed_and_removes_what_went(
    store: Any, folder: Path, tmp_path: Path
) -> None:
    uri = f"{store.uri}/run"
    upload(folder, uri)
    assert upload(folder, uri) == 0
    (folder / "a.txt").write_bytes(b"two cats\r")
    (folder / "deep" / "er" / "b.bin").unlink()
    assert upload(folder, uri) == 1
    assert held(local_copy(uri, tmp_path / "copy")) == held(folder)
    assert json.loads(store.content()[f"run/{UPLOADED}"]) == sorted(held(folder))


def test_upload_again_asks_for_nothing_but_what_is_there(
    proxy: Any, remote: Any, folder: Path
) -> None:
    upload(folder, f"{remote.uri}/run")
    proxy.asked.clear()
    upload(folder, f"{remote.uri}/run")
    assert {asked.method for asked in proxy.asked} <= {"GET", "HEAD"}


def test_upload_beside_files_of_others_is_refused_before_anything_is_sent(
    store: Any, folder: Path
) -> None:
    # Ours too, but another folder's.
    upload(folder, f"{store.uri}/runs/1")
    store.write("data/notes", b"mine")
    before = store.content()
    for place, found in (("runs", "1/"), ("data", "notes")):
        with pytest.raises(SettingError, match=rf"{place} must be empty, or .*, such as {found}"):
            upload(folder, f"{store.uri}/{place}")
    assert store.content() == before


@pytest.mark.parametrize("note", [b"no JSON", b"7", b"\xff"])
def test_upload_takes_no_word_of_a_damaged_list_of_files(
    store: Any, folder: Path, note: bytes
) -> None:
    store.write(f"run/{UPLOADED}", note)
    store.write("run/other", b"mine")
    with pytest.raises(SettingError, match="such as other"):
        upload(folder, f"{store.uri}/run")


def test_upload_that_was_interrupted_is_refused_until_it_is_repeated(
    proxy: Any, remote: Any, folder: Path, tmp_path: Path
) -> None:
    uri = f"{remote.uri}/run"
    new = fill(tmp_path / "new", dict.fromkeys("abcdefghijklmnop", b"new"))
    upload(folder, uri)
    proxy.asked.clear()
    proxy.fault = lambda asked: (403, "") if asked.is_upload and proxy.uploads() > 3 else None
    with pytest.raises(SettingError, match="must be allowed"):
        upload(new, uri)
    proxy.fault = lambda _: None
    # After one failed, no further ones were begun.
    assert proxy.uploads() < 20
    assert len(remote.content()) < len(_FILES) + len(held(new)) + 2
    for read in (list_remote, lambda uri: local_copy(uri, tmp_path / "copy")):
        for place in (uri, remote.uri):
            with pytest.raises(DataError, match=rf"must be finished .*{uri}/{UNFINISHED}$"):
                read(place)
    assert not (tmp_path / "copy").exists()
    # Neither what the first upload wrote nor what the second did is taken for another's.
    upload(new, uri)
    assert held(local_copy(uri, tmp_path / "copy")) == held(new)
    assert len(remote.content()) == len(held(new)) + 1


def test_upload_interrupted_at_its_very_end_is_whole_after_one_more_that_sends_nothing(
    proxy: Any, remote: Any, folder: Path, tmp_path: Path
) -> None:
    uri = f"{remote.uri}/run"
    proxy.fault = lambda asked: (403, "") if asked.method == "DELETE" else None
    with pytest.raises(SettingError, match="must be allowed"):
        upload(folder, uri)
    proxy.fault = lambda _: None
    with pytest.raises(DataError, match="must be finished"):
        local_copy(uri, tmp_path / "copy")
    assert upload(folder, uri) == 0
    assert held(local_copy(uri, tmp_path / "copy")) == _FILES


def test_local_folder_whose_upload_is_not_finished_is_refused(tmp_path: Path) -> None:
    fill(tmp_path / "run", {"a": b"a", UNFINISHED: b"[]"})
    with pytest.raises(DataError, match=rf"must be finished .*{UNFINISHED}$"):
        local_copy(str(tmp_path / "run"), tmp_path)


def test_upload_of_what_has_no_place_is_an_error(store: Any, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "bare" / "folder").mkdir(parents=True)
    upload(folder / "a.txt", f"{store.uri}/a.txt")
    cases: list[tuple[type[Exception], str, Callable[[], Any]]] = [
        (SettingError, "must name it, not", lambda: upload(folder / "a.txt", f"{store.uri}/x/")),
        (SettingError, "where a file is", lambda: upload(folder, f"{store.uri}/a.txt")),
        (DataError, "must hold files", lambda: upload(tmp_path / "bare", f"{store.uri}/run")),
        (DataError, "check the spelling", lambda: upload(tmp_path / "gone", f"{store.uri}/run")),
    ]
    for kind, message, call in cases:
        with pytest.raises(kind, match=message):
            call()


def test_remove_of_a_file_twice_is_no_error(store: Any) -> None:
    store.write("a.txt", b"a")
    for _ in range(2):
        remove(f"{store.uri}/a.txt")
        assert not exists(f"{store.uri}/a.txt")


def test_listing_leaves_out_neighbours_and_marks_of_folders(remote: Any, tmp_path: Path) -> None:
    for name in ("set/1.jpg", "set/more/2.jpg", "set/empty/", "set2/3.jpg", "set.txt"):
        remote.write(name, name.encode() if name[-1] != "/" else b"")
    files = list_remote(f"{remote.uri}/set")
    assert [(file.name, file.uri, file.size) for file in files] == [
        ("1.jpg", f"{remote.uri}/set/1.jpg", 9),
        ("more/2.jpg", f"{remote.uri}/set/more/2.jpg", 14),
    ]
    assert [file.name for file in list_remote(f"{remote.uri}/set.txt")] == [""]
    assert held(local_copy(remote.uri, tmp_path)).keys() == {
        "set/1.jpg", "set/more/2.jpg", "set2/3.jpg", "set.txt",
    }  # fmt: skip
    for uri, there in (("set", True), ("set.txt", True), ("se", False), ("set/empty", False)):
        assert exists(f"{remote.uri}/{uri}") is there
