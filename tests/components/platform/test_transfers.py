from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from google.cloud import storage

from components.errors import CaptionflowError, DataError, SettingError
from components.platform.storage import content_fingerprint, exists, local_copy, remove, upload

_FILES = {"a.txt": b"one dog", "deep/er/b.bin": bytes(range(256)), "deep/ü c.txt": b"zwei"}


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
        if path.is_file()
    }


def names(bucket: storage.Bucket) -> list[str]:
    return [blob.name for blob in bucket.list_blobs()]


def sent(proxy: Any) -> list[str]:
    return [asked.path for asked in proxy.asked if "/upload/" in asked.path]


@pytest.mark.usefixtures("bucket")
@pytest.mark.parametrize("uri", ["gs://photos", "gs://photos/runs/1", "gs://photos/runs/1/"])
def test_upload_of_a_folder_comes_back_equal(uri: str, folder: Path, tmp_path: Path) -> None:
    assert upload(folder, uri) == 3
    assert held(local_copy(uri, tmp_path / "copy")) == _FILES


def test_upload_of_a_file_comes_back_equal(
    bucket: storage.Bucket, folder: Path, tmp_path: Path
) -> None:
    assert upload(folder / "a.txt", "gs://photos/texts/dog.txt") == 1
    assert names(bucket) == ["texts/dog.txt"]
    copy = local_copy("gs://photos/texts/dog.txt", tmp_path / "copy")
    assert copy.read_bytes() == b"one dog"


def test_upload_again_sends_nothing(proxy: Any, folder: Path) -> None:
    upload(folder, "gs://photos/run")
    upload(folder / "a.txt", "gs://photos/a.txt")
    proxy.asked.clear()
    assert upload(folder, "gs://photos/run") == 0
    assert upload(str(folder / "a.txt"), "gs://photos/a.txt") == 0
    assert {asked.method for asked in proxy.asked} == {"GET"}


def test_upload_of_a_changed_folder_sends_what_changed_and_removes_what_went(
    proxy: Any, folder: Path, tmp_path: Path
) -> None:
    upload(folder, "gs://photos/run")
    before = content_fingerprint("gs://photos/run")
    (folder / "a.txt").write_bytes(b"two dogs")
    (folder / "deep" / "er" / "b.bin").unlink()
    assert upload(folder, "gs://photos/run") == 1
    assert held(local_copy("gs://photos/run", tmp_path / "copy")) == held(folder)
    assert content_fingerprint("gs://photos/run") != before


def test_upload_beside_objects_of_others_is_refused_before_anything_is_sent(
    bucket: storage.Bucket, folder: Path
) -> None:
    # Ours too, but another folder's.
    upload(folder, "gs://photos/runs/1")
    bucket.blob("data/notes.txt").upload_from_string("mine")
    before = names(bucket)
    for uri, found in (("gs://photos/runs", "runs/1/a.txt"), ("gs://photos/data", "data/notes")):
        with pytest.raises(SettingError, match=rf"^{uri} must be empty, or .*, such as {found}"):
            upload(folder, uri)
    assert names(bucket) == before


def test_upload_cut_between_files_is_refused_until_it_is_repeated(
    proxy: Any, bucket: storage.Bucket, folder: Path, tmp_path: Path
) -> None:
    upload(folder, "gs://photos/run")
    for name in _FILES:
        (folder / name).write_bytes(b"new")
    proxy.asked.clear()
    proxy.fault = lambda asked: (503, {}) if len(sent(proxy)) > 2 else None
    with pytest.raises(CaptionflowError, match=r"must answer within 0\.1 s"):
        upload(folder, "gs://photos/run", patience=0.1)
    proxy.fault = lambda _: None
    assert len(names(bucket)) == 4
    for uri in ("gs://photos/run", "gs://photos"):
        for read in (content_fingerprint, lambda uri: local_copy(uri, tmp_path / "copy")):
            with pytest.raises(DataError, match=r"must be finished .*/run/_UNFINISHED_UPLOAD$"):
                read(uri)
    assert not (tmp_path / "copy").exists()

    assert upload(folder, "gs://photos/run") == 2
    assert held(local_copy("gs://photos/run", tmp_path / "copy")) == held(folder)
    assert len(names(bucket)) == 3


def test_upload_cut_at_its_very_end_is_whole_after_one_more_that_sends_nothing(
    proxy: Any, folder: Path, tmp_path: Path
) -> None:
    proxy.fault = lambda asked: (503, {}) if asked.method == "DELETE" else None
    with pytest.raises(CaptionflowError, match=r"must answer within 0\.1 s"):
        upload(folder, "gs://photos/run", patience=0.1)
    proxy.fault = lambda _: None
    with pytest.raises(DataError, match="must be finished"):
        local_copy("gs://photos/run", tmp_path / "copy")
    assert upload(folder, "gs://photos/run") == 0
    assert held(local_copy("gs://photos/run", tmp_path / "copy")) == _FILES


def test_upload_of_a_folder_tries_no_further_files_after_one_failed(
    proxy: Any, tmp_path: Path
) -> None:
    folder = fill(tmp_path / "many", {f"{number:03}": b"x" for number in range(200)})
    proxy.fault = lambda asked: (403, {}) if len(sent(proxy)) > 1 else None
    with pytest.raises(SettingError, match="must be allowed to use gs://photos"):
        upload(folder, "gs://photos/run")
    assert len(sent(proxy)) < 100


@pytest.mark.usefixtures("bucket")
def test_upload_of_what_has_no_place_is_an_error(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "empty" / "folder").mkdir(parents=True)
    upload(folder / "a.txt", "gs://photos/a.txt")
    cases: list[tuple[type[Exception], str, Callable[[], Any]]] = [
        (SettingError, "must name it, not", lambda: upload(folder / "a.txt", "gs://photos")),
        (SettingError, "must name it, not", lambda: upload(folder / "a.txt", "gs://photos/x/")),
        (SettingError, "must not be a file's", lambda: upload(folder, "gs://photos/a.txt")),
        (SettingError, "must begin with gs://", lambda: upload(folder, "elsewhere")),
        (SettingError, "or begin with gs://", lambda: upload(folder, "s3://photos")),
        (SettingError, "must name a bucket", lambda: upload(folder, "gs://")),
        (DataError, "must hold files", lambda: upload(tmp_path / "empty", "gs://photos/run")),
        (DataError, "check its spelling", lambda: upload(tmp_path / "gone", "gs://photos/run")),
    ]
    for kind, message, call in cases:
        with pytest.raises(kind, match=message):
            call()


@pytest.mark.usefixtures("bucket")
def test_remove_takes_an_object_away_and_twice_is_no_error(folder: Path) -> None:
    upload(folder / "a.txt", "gs://photos/a.txt")
    remove("gs://photos/a.txt")
    assert not exists("gs://photos/a.txt")
    remove("gs://photos/a.txt")
    with pytest.raises(SettingError, match="must begin with gs://"):
        remove(str(folder / "a.txt"))
    assert (folder / "a.txt").exists()


def test_local_copy_of_what_changes_meanwhile_is_an_error(
    proxy: Any, folder: Path, tmp_path: Path
) -> None:
    upload(folder, "gs://photos/run")
    proxy.break_first(1, (404, {}), "alt=media")
    with pytest.raises(CaptionflowError, match=r"gs://photos/run was changed while it was read"):
        local_copy("gs://photos/run", tmp_path / "copy")
