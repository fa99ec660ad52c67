from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from components.artifacts import manifest
from components.artifacts.manifest import (
    ManifestPhotos,
    Photo,
    read_manifest,
    resolve_uri,
    write_manifest,
)

PHOTO = Photo("b.jpg", "/data/b.jpg", "0" * 64, 40, 30, "train", ("A dog.", "Ein Hund läuft."))


def test_read_manifest_returns_what_was_written_ordered_by_id(tmp_path: Path) -> None:
    first = replace(PHOTO, image_id="a.jpg", uri="/data/a.jpg", split="dev")
    write_manifest(tmp_path, [first, PHOTO])
    assert read_manifest(tmp_path) == [first, PHOTO]
    with pytest.raises(ValueError, match=r"'a\.jpg', 'b\.jpg'"):
        write_manifest(tmp_path, [PHOTO, first])


@pytest.mark.parametrize("photos", [0, 1, 3, 8, 9])
def test_manifest_photos_are_read_again_whenever_they_are_iterated(
    photos: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manifest, "_BATCH", 2)
    monkeypatch.setattr(manifest, "_ROW_GROUP", 4)
    written = [replace(PHOTO, image_id=f"{number}") for number in range(photos)]
    write_manifest(tmp_path, iter(written))
    groups = pq.ParquetFile(tmp_path / manifest.MANIFEST_FILE).num_row_groups
    assert groups == -(-photos // 4)
    found = ManifestPhotos(tmp_path)
    assert len(found) == photos
    assert list(found) == written
    assert list(found) == written


def test_read_manifest_resolves_relative_uris_after_a_move(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    write_manifest(tmp_path / "here", [replace(PHOTO, uri="photos/b.jpg")])
    (tmp_path / "here").rename(tmp_path / "there")
    [photo] = read_manifest(tmp_path / "there")
    assert photo.uri == str(tmp_path / "there" / "photos" / "b.jpg")


@pytest.mark.parametrize("root", ["/data/set", "gs://bucket/set"])
def test_read_manifest_resolves_uris_below_the_recorded_root(tmp_path: Path, root: str) -> None:
    write_manifest(tmp_path, [replace(PHOTO, uri="Images/b.jpg")], root)
    assert read_manifest(tmp_path)[0].uri == f"{root}/Images/b.jpg"


def test_manifest_bytes_do_not_depend_on_the_root(tmp_path: Path) -> None:
    for number, root in enumerate(("", "photos", "/data/set")):
        (tmp_path / str(number)).mkdir()
        write_manifest(tmp_path / str(number), [replace(PHOTO, uri="b.jpg")], root)
    tables = {(tmp_path / str(each) / "manifest.parquet").read_bytes() for each in range(3)}
    assert len(tables) == 1


@pytest.mark.parametrize(
    ("uri", "root", "absolute"),
    [
        ("a.jpg", "", "s3://runs/manifest/a.jpg"),
        ("a.jpg", "photos", "s3://runs/manifest/photos/a.jpg"),
        ("cats/a.jpg", "/data/set", "/data/set/cats/a.jpg"),
        ("/data/a.jpg", "photos", "/data/a.jpg"),
        ("gs://bucket/a.jpg", "/data/set", "gs://bucket/a.jpg"),
    ],
)
def test_resolve_uri_stops_at_what_is_absolute(uri: str, root: str, absolute: str) -> None:
    assert resolve_uri(uri, root, "s3://runs/manifest") == absolute


def test_read_manifest_photo_without_captions(tmp_path: Path) -> None:
    write_manifest(tmp_path, [replace(PHOTO, captions=())])
    assert read_manifest(tmp_path)[0].captions == ()
