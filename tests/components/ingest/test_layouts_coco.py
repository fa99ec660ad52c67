import json
from pathlib import Path
from typing import Any

import pytest

from components.errors import DataError
from components.ingest.layouts.coco import _split_of_name
from components.ingest.sources import read_folder


def _write(path: Path, images: list[Any], annotations: list[Any]) -> None:
    path.write_text(json.dumps({"images": images, "annotations": annotations}))


def test_coco_splits_from_names(coco: Path) -> None:
    # Other JSON files of COCO's hold no captions.
    (coco / "annotations" / "instances_val2017.json").write_text("{}")
    source = read_folder(coco, "coco")
    assert source.layout == "coco"
    assert source.captions == {
        "000.jpg": ["A train photo"],
        "001.jpg": ["A val photo"],
        "002.jpg": ["A test photo"],
    }
    assert source.split_lists == {
        "train": frozenset({"000.jpg"}),
        "dev": frozenset({"001.jpg"}),
        "test": frozenset({"002.jpg"}),
    }
    assert source.images["001.jpg"] == coco / "val2017" / "001.jpg"


def test_coco_any_name_without_split(tmp_path: Path) -> None:
    (tmp_path / "settings.json").write_text('{"images": 3}')
    _write(
        tmp_path / "mine.json",
        [{"id": "x", "file_name": "photos/a.jpg"}, {"id": "y", "file_name": "b.jpg"}],
        [
            {"image_id": "x", "caption": "One"},
            {"image_id": "x", "caption": "Two"},
            {"image_id": "y", "caption": None},
            {"image_id": "z", "caption": "Of nothing"},
        ],
    )
    source = read_folder(tmp_path, "mine")
    assert source.captions == {
        "a.jpg": ["One", "Two"],
        "b.jpg": [""],
        "image_id z": ["Of nothing"],
    }
    assert source.split_lists == {}


def test_coco_splits_from_field(tmp_path: Path) -> None:
    splits = ("train", "restval", "val", "test", None)
    _write(
        tmp_path / "captions.json",
        [{"id": i, "file_name": f"{i}.jpg", "split": split} for i, split in enumerate(splits)],
        [{"image_id": 0, "caption": "One"}],
    )
    assert read_folder(tmp_path, "karpathy").split_lists == {
        "train": frozenset({"0.jpg", "1.jpg"}),
        "dev": frozenset({"2.jpg"}),
        "test": frozenset({"3.jpg"}),
    }


def test_coco_unknown_split(tmp_path: Path) -> None:
    _write(
        tmp_path / "captions_a.json",
        [{"id": 1, "file_name": "a.jpg", "split": "holdout"}],
        [],
    )
    with pytest.raises(DataError, match=r"`split` must be one of .* for a.jpg: 'holdout'"):
        read_folder(tmp_path, "coco")


@pytest.mark.parametrize(
    ("content", "where"),
    [
        ("{", "the file"),
        ("[" * 100_000, "the file"),
        ('{"images": []}', "annotations"),
        ('{"images": [{"id": 1}], "annotations": []}', r"images\.0\.file_name"),
        ('{"images": [], "annotations": [{"image_id": 1, "caption": "\\ud800"}]}', "the file"),
    ],
)
def test_coco_broken(tmp_path: Path, content: str, where: str) -> None:
    (tmp_path / "captions_train.json").write_text(content)
    with pytest.raises(DataError, match=rf"captions_train.json must be COCO.* at {where}: "):
        read_folder(tmp_path, "coco")


@pytest.mark.parametrize(
    ("stem", "split"),
    [
        ("captions_train2017", "train"),
        ("captions_val2014", "dev"),
        ("validation", "dev"),
        ("valid-captions", "dev"),
        ("dev", "dev"),
        ("Captions_TEST", "test"),
        ("captions", None),
        ("captions_trainval2014", None),
        ("train_and_test", None),
        ("contest", None),
    ],
)
def test_split_of_name(stem: str, split: str | None) -> None:
    assert _split_of_name(stem) == split


def test_coco_as_published_without_test_captions_divides_val(tmp_path: Path) -> None:
    for split, numbers in (("train", range(100, 104)), ("val", range(40))):
        images = [{"id": number, "file_name": f"{number:012d}.jpg"} for number in numbers]
        _write(tmp_path / f"captions_{split}2017.json", images, [])
    lists = read_folder(tmp_path, "coco").split_lists
    assert len(lists["train"]) == 4
    assert not lists["dev"] & lists["test"]
    assert lists["dev"] | lists["test"] == {f"{number:012d}.jpg" for number in range(40)}
    assert 10 <= len(lists["test"]) <= 30
    # Photos that come later move none.
    more = [{"id": number, "file_name": f"{number:012d}.jpg"} for number in range(60)]
    _write(tmp_path / "captions_val2017.json", more, [])
    assert lists["test"] <= read_folder(tmp_path, "coco").split_lists["test"]


def test_coco_of_one_split_alone_leaves_splitting_to_the_content(tmp_path: Path) -> None:
    _write(tmp_path / "captions_val2017.json", [{"id": 1, "file_name": "1.jpg"}], [])
    assert read_folder(tmp_path, "coco").split_lists == {}
