import hashlib
from pathlib import Path
from typing import Any

import pytest

from components.captioning.encoder import images
from components.describing import photo_files
from components.describing.photo_files import PhotoFile, find_photos, photo_checksum, read_photo
from components.errors import DataError, SettingError


def names(found: list[PhotoFile]) -> list[str]:
    return [photo.name for photo in found]


def test_find_photos_of_a_folder_returns_all_files_but_hidden_ones(folder: Path) -> None:
    expected = [f"{folder}/broken.jpg", f"{folder}/red.png", f"{folder}/more/grey.jpg"]
    assert names(find_photos([str(folder)])) == expected


def test_find_photos_of_a_folder_leaves_out_texts_that_are_not_named(folder: Path) -> None:
    for name in ("README.md", "captions.jsonl", "more/notes.TXT"):
        (folder / name).write_text("no photo")
    expected = [f"{folder}/broken.jpg", f"{folder}/red.png", f"{folder}/more/grey.jpg"]
    assert names(find_photos([str(folder)])) == expected
    assert names(find_photos([f"{folder}/README.md"])) == [f"{folder}/README.md"]


def test_find_photos_returns_each_file_once_and_missing_ones_too(folder: Path) -> None:
    red = str(folder / "red.png")
    assert names(find_photos([red, "gone.jpg", str(folder)])) == [
        red, "gone.jpg", f"{folder}/broken.jpg", f"{folder}/more/grey.jpg",
    ]  # fmt: skip


def test_find_photos_leaves_out_the_output(folder: Path) -> None:
    found = names(find_photos([str(folder)], besides=folder / "more" / ".." / "broken.jpg"))
    assert found == [f"{folder}/red.png", f"{folder}/more/grey.jpg"]


def test_find_photos_of_an_empty_folder_or_an_unknown_scheme_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"must have photos in it\. There are none in /"):
        find_photos([str(tmp_path)])
    with pytest.raises(SettingError, match="A path must be local or begin with gs://"):
        find_photos(["https://x/y.jpg"])


def test_read_photo_returns_a_local_file_or_says_why_it_cant(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert read_photo(PhotoFile(f"{folder}/broken.jpg")) == b"no photo"
    with pytest.raises(DataError, match=r"gone.jpg can't be read: No such file or directory"):
        read_photo(PhotoFile("gone.jpg"))
    with pytest.raises(DataError, match="can't be read: embedded null byte"):
        read_photo(PhotoFile("a\0b"))
    monkeypatch.setattr(photo_files, "MAX_BYTES", 7)
    with pytest.raises(DataError, match=r"broken.jpg can't .* not be larger than 7 bytes"):
        read_photo(PhotoFile(f"{folder}/broken.jpg"))
    assert images.MAX_BYTES == 64 * 2**20


def test_photo_checksum_of_a_local_file_is_its_sha256() -> None:
    sha256 = hashlib.sha256(b"photo").hexdigest()
    assert photo_checksum(PhotoFile("x"), b"photo") == f"sha256:{sha256}"


def test_photos_of_a_bucket_are_listed_with_checksums_and_read(remote: Any) -> None:
    for name in (
        "trip/1.jpg", "trip/day/2.jpg", "trip/.thumbnails/1.jpg", "trip/.3.jpg",
        "trip/a.txt", "4.jpg",
    ):  # fmt: skip
        remote.write(name, name.encode())
    sources = [f"{remote.uri}/trip", f"{remote.uri}/gone.jpg"]
    found = find_photos(sources)
    assert names(found) == [
        f"{remote.uri}/{name}" for name in ("trip/1.jpg", "trip/day/2.jpg", "gone.jpg")
    ]
    first = read_photo(found[0])
    assert first == b"trip/1.jpg"
    with pytest.raises(DataError, match=r"runs/gone.jpg can't .*: there is no such"):
        read_photo(found[2])
    # Unchanged photos need not be read again.
    remote.write("trip/day/2.jpg", b"another")
    same, other, _ = find_photos(sources)
    assert photo_checksum(same, first) == photo_checksum(found[0], first)
    assert photo_checksum(other, b"") != photo_checksum(found[1], b"")


def test_read_photo_of_a_large_object_is_refused_before_it_is_read(remote: Any) -> None:
    with pytest.raises(DataError, match="not be larger than"):
        read_photo(PhotoFile(f"{remote.uri}/1.jpg", size=images.MAX_BYTES + 1))
