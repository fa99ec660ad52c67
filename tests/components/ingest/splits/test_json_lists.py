"""Splits that JSON and texts give in other forms than a list of names for each split."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components.errors import DataError
from components.ingest.reading.sources import read_folder

Dataset = Callable[[dict[str, Any]], Path]

_WORDS = {"a.jpg": "train", "b.jpg": "Training", "c.jpg": "validation", "d.jpg": "test"}
_LISTS = {"train": ["a.jpg", "b.jpg"], "val": ["c"], "test": ["d.jpg"]}
_SPLITS = {"train": {"a.jpg", "b.jpg"}, "dev": {"c.jpg"}, "test": {"d.jpg"}}
_CAPTIONS = "image,caption\n" + "".join(f"{name},A dog\n" for name in _WORDS)
_RECORDS = [{"image": name, "split": word} for name, word in _WORDS.items()]


@pytest.mark.parametrize(
    "files",
    [
        {"split.json": _WORDS},
        {"split.json": _RECORDS},
        {"split.jsonl": "".join(json.dumps(record) + "\n" for record in _RECORDS)},
        {"split.json": {"version": 2, "splits": _LISTS}},
        {
            "mine.json": {
                split: [{"file_name": x} for x in names] for split, names in _LISTS.items()
            }
        },
        {f"{split}.json": names for split, names in _LISTS.items()},
        {f"{split}_ids.json": [{"image": x} for x in names] for split, names in _LISTS.items()},
        {"splits.txt": "".join(f"{name} {word}\n" for name, word in _WORDS.items())},
        {"data_split.csv": "".join(f'"{name}",{word}\n' for name, word in _WORDS.items())},
    ],
)
def test_splits_in_many_forms(dataset: Dataset, files: dict[str, Any]) -> None:
    splits = read_folder(dataset({"captions.csv": _CAPTIONS, **files}), "mine").splits
    assert splits.lists == _SPLITS
    assert set(splits.origin.split(", ")) == set(files)


@pytest.mark.parametrize(
    "name",
    ["splits.yaml", "train_split.npy", "folds.txt", "train_split.json", "data/partition.pkl"],
)
def test_files_called_after_splits_that_are_not_read_are_noted(dataset: Dataset, name: str) -> None:
    content = {"seed": 1} if name.endswith("json") else "1 0\n0 1\n"
    source = read_folder(dataset({"captions.csv": _CAPTIONS, name: content}), "mine")
    assert not source.splits.lists
    [note] = source.notes
    assert name in note
    assert "splits.json" in note


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("captions_val_results.json", [{"image_id": 1, "caption": "A dog"}]),
        ("vqa_train.json", [{"image": "a.jpg", "question": "What?", "answer": "A dog"}]),
        ("instances_val2017.json", {"images": [], "annotations": [], "categories": []}),
        ("test.json", {"epochs": 3}),
        ("train.jsonl", '{"step": 1}\n{"step": 2}\n'),
        ("sizes.json", {"train": 6000, "val": 1000}),
        ("settings.json", {"train": {"batch_size": 8}, "seed": 1}),
        ("settings.json", {"train": ["flip", "crop"], "seed": 1}),
        ("settings.json", '{"train": {"batch_size": 8}, // large\n}'),
        ("history.json", {"train": [0.5, 0.25], "val": [0.75, 0.5]}),
        ("history.json", {"train": [{"loss": 0.5}], "val": [{"loss": 0.75}]}),
        ("history.json", [{"set": 3, "train_loss": 0.5}]),
        ("paths.json", {"train": "images/train", "val": "images/val"}),
        ("dataset_info.json", {"features": {}, "splits": {"train": {"num_examples": 6000}}}),
    ],
)
def test_json_called_after_a_split_that_lists_no_photos(
    dataset: Dataset, name: str, content: Any
) -> None:
    source = read_folder(dataset({"captions.csv": _CAPTIONS, name: content}), "mine")
    assert not source.splits.lists
    assert source.notes == []


def test_lists_of_many_classes_leave_those_of_all_photos(dataset: Dataset) -> None:
    files = {f"{name}.txt": "\n".join(photos) for name, photos in _LISTS.items()}
    classes = {f"class{number}_train.txt": "d.jpg\n" for number in range(60)}
    source = read_folder(dataset({"captions.csv": _CAPTIONS, **files, **classes}), "voc")
    assert source.splits.lists == _SPLITS


@pytest.mark.parametrize(
    ("content", "facts"),
    [
        ({"train": ["a.jpg"], "rest": ["b.jpg"]}, ["'rest'"]),
        ({"train": ["a.jpg"], "val": 7}, ["'val'", "7"]),
        ({"train": 7, "val": ["a"]}, ["'train'", "7"]),
        ({"train": ["a.jpg", 0.5]}, ["'train'", "0.5"]),
        ('{"train": ["a.jpg",', ["JSON"]),
        (b'{"train": ["caf\xe9.jpg"]}', ["UTF-8"]),
    ],
)
def test_json_lists_that_are_broken(dataset: Dataset, content: Any, facts: list[str]) -> None:
    with pytest.raises(DataError) as caught:
        read_folder(dataset({"captions.csv": _CAPTIONS, "a.jpg": 1, "mine.json": content}), "mine")
    for fact in ["mine.json", *facts]:
        assert fact in str(caught.value)
