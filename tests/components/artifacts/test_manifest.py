from dataclasses import replace
from pathlib import Path

from components.artifacts.manifest import Photo, read_manifest, write_manifest

PHOTO = Photo("b.jpg", "/data/b.jpg", "0" * 64, 40, 30, "train", ("A dog.", "Ein Hund läuft."))


def test_read_manifest_returns_what_was_written_ordered_by_id(tmp_path: Path) -> None:
    first = replace(PHOTO, image_id="a.jpg", uri="/data/a.jpg", split="dev")
    write_manifest(tmp_path, [PHOTO, first])
    assert read_manifest(tmp_path) == [first, PHOTO]


def test_read_manifest_resolves_relative_uris_after_a_move(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    write_manifest(tmp_path / "here", [replace(PHOTO, uri="photos/b.jpg")])
    (tmp_path / "here").rename(tmp_path / "there")
    [photo] = read_manifest(tmp_path / "there")
    assert photo.uri == str(tmp_path / "there" / "photos" / "b.jpg")


def test_read_manifest_photo_without_captions(tmp_path: Path) -> None:
    write_manifest(tmp_path, [replace(PHOTO, captions=())])
    assert read_manifest(tmp_path)[0].captions == ()
