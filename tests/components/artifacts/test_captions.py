from pathlib import Path

import pyarrow.parquet as pq

from components.artifacts.captions import (
    CAPTIONS_FILE,
    CaptionedPhoto,
    read_captions,
    write_captions,
)

DOG = CaptionedPhoto("dog.jpg", "train", ("a dog", "été"), ((4, 5), (3,)))
CAT = CaptionedPhoto("cat.jpg", "dev", ("a cat",), ((4, 3),))


def test_read_captions_returns_what_was_written_ordered_by_id(tmp_path: Path) -> None:
    write_captions(tmp_path, [DOG, CAT])
    assert read_captions(tmp_path) == [CAT, DOG]


def test_captions_file_has_the_documented_columns(tmp_path: Path) -> None:
    write_captions(tmp_path, [DOG])
    schema = pq.read_schema(tmp_path / CAPTIONS_FILE)
    assert schema.names == ["image_id", "split", "references", "tokens"]
    assert str(schema.field("tokens").type).count("list<") == 2
    assert "int32" in str(schema.field("tokens").type)


def test_read_captions_of_no_photo_is_empty(tmp_path: Path) -> None:
    write_captions(tmp_path, [])
    assert read_captions(tmp_path) == []
