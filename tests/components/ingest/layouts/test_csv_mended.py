"""Tables that break the rules of CSV, and are read as they were meant."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tables import captions_of, read_table

from components.ingest.reading.sources import read_folder

Dataset = Callable[[dict[str, Any]], Path]


@pytest.mark.parametrize(
    ("text", "captions"),
    [
        pytest.param(
            'image,caption\na.jpg,"A dog runs\nb.jpg,A cat "sits\nc.jpg,A bird\n'
            'd.jpg,"A 5" pipe\ne.jpg,"the end"\nf.jpg,"\n',
            {"a": "A dog runs", "b": 'A cat "sits', "c": "A bird", "d": "A 5 pipe", "e": "the end",
             "f": ""},
            id="photo first",
        ),
        pytest.param(
            'caption,image\n"A dog runs,a.jpg\nA cat "sits,b.jpg\nA "big" bird,c.jpg\n',
            {"a": "A dog runs", "b": 'A cat "sits', "c": 'A "big" bird'},
            id="photo last",
        ),
    ],
)  # fmt: skip
def test_csv_stray_quote_swallows_nothing(
    text: str, captions: dict[str, str], tmp_path: Path
) -> None:
    expected = {f"{name}.jpg": [caption] for name, caption in captions.items()}
    assert captions_of(tmp_path, text) == expected


def test_csv_unquoted_commas_in_a_table_with_more_columns(tmp_path: Path) -> None:
    text = "image,caption,split\na.jpg,A dog, a cat, a bird,train\nb.jpg,A dog,test\n"
    source = read_table(tmp_path, text)
    assert source.captions == {"a.jpg": ["A dog, a cat, a bird"], "b.jpg": ["A dog"]}
    assert source.splits.lists == {"train": frozenset({"a.jpg"}), "test": frozenset({"b.jpg"})}
    assert source.splits.origin == "the column `split` in captions.txt"


def test_flickr30k_known_broken_line_is_mended_and_named(tmp_path: Path) -> None:
    text = (
        "image_name| comment_number| comment\n"
        'a.jpg| 3| A man says " hello ", and a|b .\n'
        "a.jpg| 4   A dog runs across the grass .\n"
    )
    source = read_table(tmp_path, text, "results.csv")
    assert [caption.strip() for caption in source.captions["a.jpg"]] == [
        'A man says " hello ", and a|b .',
        "A dog runs across the grass .",
    ]
    assert source.notes == [
        "results.csv: lines without a delimiter after the caption's number, corrected: 1"
    ]


def test_csv_unquoted_comma_in_a_photos_name(dataset: Dataset) -> None:
    table = (
        "image,caption\nRome, Italy.jpg,A dog, running\nRome, Italy.jpg,A cat\n"
        "Oslo, Norway.jpg,Not there\na,b,A photo without ending\nplain.jpg,A dog, a cat\n"
    )
    folder = dataset(
        {"captions.txt": table, "Images/Rome, Italy.jpg": 1, "Images/a,b": 2, "plain.jpg": 3}
    )
    source = read_folder(folder, "set")
    assert source.captions == {
        "Rome, Italy.jpg": ["A dog, running", "A cat"],
        "Oslo, Norway.jpg": ["Not there"],
        "a,b": ["A photo without ending"],
        "plain.jpg": ["A dog, a cat"],
    }
    assert source.images.keys() == {"Rome, Italy.jpg", "a,b", "plain.jpg"}


def test_csv_unquoted_comma_in_a_caption_before_the_photo(dataset: Dataset) -> None:
    table = "caption,image\nA big, brown dog,a.jpg\nA cat,Rome, Italy.jpg\nA hen, red,b.jpg\n"
    files = {"captions.csv": table, "a.jpg": 1, "Rome, Italy.jpg": 2}
    assert read_folder(dataset(files), "mine").captions == {
        "a.jpg": ["A big, brown dog"],
        "Rome, Italy.jpg": ["A cat"],
        "b.jpg": ["A hen, red"],
    }


def test_csv_header_repeated_where_tables_were_joined(tmp_path: Path) -> None:
    text = "\ufeffimage,caption\na.jpg,A dog\n\ufeffimage,caption\nb.jpg,A cat\n"
    source = read_table(tmp_path, text)
    assert source.captions == {"a.jpg": ["A dog"], "b.jpg": ["A cat"]}
    assert "repeated header" in source.notes[0]


def test_csv_captions_twice_over_are_read_once(tmp_path: Path) -> None:
    rows = "a.jpg,A dog\na.jpg,A dog\nb.jpg,A cat\n"
    source = read_table(tmp_path, "image,caption\n" + rows * 2)
    # Two people did write the same words.
    assert source.captions == {"a.jpg": ["A dog", "A dog"], "b.jpg": ["A cat"]}
    assert "captions.txt contains all of its captions twice" in source.notes[0]


@pytest.mark.parametrize("delimiter", [",", "\t", ";"])
def test_csv_of_write_table_whose_rows_begin_with_a_number(tmp_path: Path, delimiter: str) -> None:
    rows = [
        ["image", "caption", "split"],
        ["1", "1.jpg", "A dog, running", "train"],
        ["2", "2.jpg", "A cat\nasleep", "test"],
    ]
    text = "".join(delimiter.join(f'"{field}"' for field in row) + "\n" for row in rows)
    source = read_table(tmp_path, text, "captions.csv")
    assert source.captions == {"1.jpg": ["A dog, running"], "2.jpg": ["A cat\nasleep"]}
    assert source.splits.lists["train"] == {"1.jpg"}
    assert source.splits.origin == "the column `split` in captions.csv"


def test_csv_of_a_photo_whose_name_has_a_comma_after_a_number(dataset: Dataset) -> None:
    files = {"1,a.jpg": 1, "captions.csv": "image,caption\n1,a.jpg,A dog\n"}
    assert read_folder(dataset(files), "mine").captions == {"1,a.jpg": ["A dog"]}
