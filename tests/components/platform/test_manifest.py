from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.platform.manifest import MANIFEST_FILE, Photo, read_manifest, write_manifest

PHOTO = Photo("b.jpg", "/data/b.jpg", "0" * 64, 40, 30, "train", ("A dog.", "Ein Hund läuft."))


def test_manifest_journey_keeps_photos_ordered_by_image_id(tmp_path: Path) -> None:
    first = replace(PHOTO, image_id="a.jpg", uri="/data/a.jpg", split="dev")
    write_manifest(tmp_path, [PHOTO, first])
    assert read_manifest(tmp_path) == [first, PHOTO]


def test_manifest_relative_uri_lies_beside_it_wherever_it_moves(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    write_manifest(tmp_path / "here", [replace(PHOTO, uri="photos/b.jpg")])
    (tmp_path / "here").rename(tmp_path / "there")
    [photo] = read_manifest(tmp_path / "there")
    assert photo.uri == str(tmp_path / "there" / "photos" / "b.jpg")


def test_manifest_without_captions_has_empty_ones(tmp_path: Path) -> None:
    write_manifest(tmp_path, [replace(PHOTO, captions=())])
    assert read_manifest(tmp_path)[0].captions == ()


def test_manifest_with_a_column_of_another_type_is_not_read(tmp_path: Path) -> None:
    pq.write_table(pa.table({"image_id": [1.5], "uri": [b"x"]}), tmp_path / MANIFEST_FILE)
    with pytest.raises((pa.ArrowException, TypeError, KeyError)):
        read_manifest(tmp_path)
