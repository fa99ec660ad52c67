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


def test_captions_written_and_read_are_the_same_in_order_of_id(tmp_path: Path) -> None:
    write_captions(tmp_path, [DOG, CAT])
    assert read_captions(tmp_path) == [CAT, DOG]


def test_captions_file_has_the_documented_columns(tmp_path: Path) -> None:
    write_captions(tmp_path, [DOG])
    schema = pq.read_schema(tmp_path / CAPTIONS_FILE)
    assert schema.names == ["image_id", "split", "references", "tokens"]
    assert str(schema.field("tokens").type).count("list<") == 2
    assert "int32" in str(schema.field("tokens").type)


def test_captions_of_no_photo_are_an_empty_list(tmp_path: Path) -> None:
    write_captions(tmp_path, [])
    assert read_captions(tmp_path) == []
