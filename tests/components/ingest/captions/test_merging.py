import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components.errors import DataError
from components.ingest.reading.sources import read_folder

Dataset = Callable[[dict[str, Any]], Path]
_AB = "image,caption\na.jpg,A dog\nb.jpg,A cat\n"


@pytest.mark.parametrize("copy", ["backup/captions.csv", "captions (1).csv", "captions.csv.txt"])
def test_copy_is_read_once(dataset: Dataset, copy: str) -> None:
    source = read_folder(dataset({"captions.csv": _AB, copy: _AB}), "set")
    assert source.captions == {"a.jpg": ["A dog"], "b.jpg": ["A cat"]}
    assert source.notes == [f"{copy} has no captions that captions.csv lacks; they were read once"]


def test_older_backup_with_fewer_captions_is_read_once(dataset: Dataset) -> None:
    older = "image,caption\na.jpg, A  dog\n"
    source = read_folder(dataset({"x/captions.csv": _AB, "captions.csv": older}), "set")
    assert source.captions == {"a.jpg": ["A dog"], "b.jpg": ["A cat"]}


def test_the_same_captions_in_another_layout_are_read_once(dataset: Dataset) -> None:
    lines = "".join(
        json.dumps({"image": f"{name}.jpg", "caption": caption}) + "\n"
        for name, caption in (("a", "A dog"), ("b", "A cat"))
    )
    source = read_folder(dataset({"captions.csv": _AB, "captions.jsonl": lines}), "set")
    assert source.captions == {"a.jpg": ["A dog"], "b.jpg": ["A cat"]}
    assert source.layout == "json-lines, csv"


def test_versions_that_differ_are_refused_by_name(dataset: Dataset) -> None:
    other = "image,caption\na.jpg,A dog\nb.jpg,A tiger\n"
    with pytest.raises(DataError, match=r"captions.csv and old.csv .* 2 photos, such as a.jpg"):
        read_folder(dataset({"captions.csv": _AB, "old.csv": other}), "set")


def test_parts_with_different_photos_are_joined(dataset: Dataset) -> None:
    more = "image,caption\nc.jpg,A bird\n"
    source = read_folder(dataset({"part1.csv": _AB, "part2.csv": more}), "set")
    assert list(source.captions) == ["a.jpg", "b.jpg", "c.jpg"]
    assert source.notes == []


def test_captions_of_all_splits_beside_those_of_each(dataset: Dataset) -> None:
    files = {
        "trainval.csv": _AB,
        "train.csv": "image,caption\na.jpg,A dog\n",
        "val.csv": "image,caption\nb.jpg,A cat\n",
    }
    source = read_folder(dataset(files), "set")
    assert source.captions == {"a.jpg": ["A dog"], "b.jpg": ["A cat"]}
    assert source.splits.lists["train"] == {"a.jpg"}


def test_whole_copies_called_after_splits_divide_nothing(dataset: Dataset) -> None:
    source = read_folder(dataset({"train.csv": _AB, "val.csv": _AB}), "set")
    assert source.captions == {"a.jpg": ["A dog"], "b.jpg": ["A cat"]}
    assert source.splits.lists == {}


def test_photo_of_two_splits_has_the_captions_of_both(dataset: Dataset) -> None:
    files = {
        "train.csv": "image,caption\na.jpg,A dog\na.jpg,One dog\nb.jpg,A cat\n",
        "val.csv": "image,caption\na.jpg,A dog\nc.jpg,A bird\n",
    }
    source = read_folder(dataset(files), "set")
    assert source.captions["a.jpg"] == ["A dog", "One dog"]
