"""Data sets with a folder for each split, through the whole reading of a folder."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from components.ingest.reading.sources import read_folder

Dataset = Callable[[dict[str, Any]], Path]


def _coco(*names: str, first: int = 0) -> dict[str, Any]:
    return {
        "images": [{"id": n, "file_name": name} for n, name in enumerate(names, first)],
        "annotations": [
            {"id": n, "image_id": n, "caption": f"Caption {n}"}
            for n in range(first, first + len(names))
        ],
    }


def test_folder_for_each_split_with_its_own_captions(dataset: Dataset) -> None:
    folder = dataset(
        {
            "train/_annotations.coco.json": _coco("1.jpg", "2.jpg", "3.jpg"),
            "train/1.jpg": 1,
            "train/2.jpg": 2,
            "valid/_annotations.coco.json": _coco("1.jpg", "3.jpg"),
            "valid/1.jpg": 3,
            "valid/3.jpg": 4,
            "test/_annotations.coco.json": _coco("1.jpg"),
            "test/1.jpg": 5,
        }
    )
    source = read_folder(folder, "set")
    assert {name: str(path.relative_to(folder)) for name, path in source.images.items()} == {
        "train/1.jpg": "train/1.jpg",
        "2.jpg": "train/2.jpg",
        "valid/1.jpg": "valid/1.jpg",
        "valid/3.jpg": "valid/3.jpg",
        "test/1.jpg": "test/1.jpg",
    }
    # The missing one of train is not that of valid.
    assert source.captions["train/3.jpg"] == ["Caption 2"]
    assert source.splits.lists == {
        "train": frozenset({"train/1.jpg", "2.jpg", "train/3.jpg"}),
        "dev": frozenset({"valid/1.jpg", "valid/3.jpg"}),
        "test": frozenset({"test/1.jpg"}),
    }


def test_captions_together_and_a_folder_of_photos_for_each_split(dataset: Dataset) -> None:
    folder = dataset(
        {
            "annotations/captions_train2017.json": _coco("1.jpg", "2.jpg"),
            "annotations/captions_val2017.json": _coco("1.jpg", "3.jpg", first=7),
            "train2017/2.jpg": 1,
            "val2017/1.jpg": 2,
            "val2017/3.jpg": 3,
        }
    )
    source = read_folder(folder, "set")
    assert source.images == {
        "val2017/1.jpg": folder / "val2017/1.jpg",
        "2.jpg": folder / "train2017/2.jpg",
        "3.jpg": folder / "val2017/3.jpg",
    }
    assert source.captions["val2017/1.jpg"] == ["Caption 7"]
    (dataset({"train2017/1.jpg": 4}))
    again = read_folder(folder, "set")
    assert again.captions["train2017/1.jpg"] == ["Caption 0"]
    assert again.images["train2017/1.jpg"] == folder / "train2017/1.jpg"


def test_photos_of_one_split_in_another_ones_folder_are_found(dataset: Dataset) -> None:
    # Karpathy's splits in COCO's layout: all of val and test lie in val2014.
    folder = dataset(
        {
            "captions_train.json": _coco("1.jpg"),
            "captions_test.json": _coco("2.jpg"),
            "val2014/1.jpg": 1,
            "val2014/2.jpg": 2,
        }
    )
    assert set(read_folder(folder, "set").images) == {"1.jpg", "2.jpg"}
