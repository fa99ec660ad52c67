"""Splits in a field or column that is not called `split`."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components.ingest.reading.sources import read_folder

Dataset = Callable[[dict[str, Any]], Path]

_WORDS = {"a.jpg": "train", "b.jpg": "Training", "c.jpg": "val", "d.jpg": "test set"}
_SPLITS = {"train": {"a.jpg", "b.jpg"}, "dev": {"c.jpg"}, "test": {"d.jpg"}}


def _csv(column: str, values: list[str]) -> dict[str, Any]:
    rows = zip(_WORDS, values, strict=True)
    table = f"image,{column},caption\n" + "".join(f"{x},{value},A dog\n" for x, value in rows)
    return {"captions.csv": table}


def _json_lines(field: str, values: list[Any]) -> dict[str, Any]:
    records = [
        {"image": name, "caption": "A dog", field: value}
        for name, value in zip(_WORDS, values, strict=True)
    ]
    return {"captions.jsonl": "".join(json.dumps(record) + "\n" for record in records)}


def _coco(field: str, values: list[Any]) -> dict[str, Any]:
    images = [
        {"id": number, "file_name": name, field: value}
        for number, (name, value) in enumerate(zip(_WORDS, values, strict=True))
    ]
    captions = [{"image_id": number, "caption": "A dog"} for number in range(len(_WORDS))]
    return {"captions_all.json": {"images": images, "annotations": captions}}


@pytest.mark.parametrize("make", [_csv, _json_lines, _coco])
@pytest.mark.parametrize("field", ["usage", "phase", "data_split", "dataset"])
def test_field_whose_values_are_all_splits_is_used(
    dataset: Dataset, make: Callable[..., dict[str, Any]], field: str
) -> None:
    splits = read_folder(dataset(make(field, [*_WORDS.values()])), "mine").splits
    assert splits.lists == _SPLITS
    assert f"`{field}`" in splits.origin


@pytest.mark.parametrize("make", [_csv, _json_lines, _coco])
def test_flag_called_after_a_split_is_noted(
    dataset: Dataset, make: Callable[..., dict[str, Any]]
) -> None:
    source = read_folder(dataset(make("is_train", [1, 1, 0, 0])), "mine")
    assert not source.splits.lists
    [note] = source.notes
    assert "`is_train`" in note
    assert "`split`" in note


@pytest.mark.parametrize("values", [["train", "train", "train", "train"], ["train", "bus"] * 2])
def test_class_called_train_is_no_split(dataset: Dataset, values: list[str]) -> None:
    source = read_folder(dataset(_csv("category", values)), "mine")
    assert not source.splits.lists
    assert source.notes == []


def test_two_fields_that_differ_are_noted(dataset: Dataset) -> None:
    table = "image,caption,fold,usage\na.jpg,A dog,train,test\nb.jpg,A cat,test,train\n"
    source = read_folder(dataset({"captions.csv": table}), "mine")
    assert not source.splits.lists
    assert [note.split("`")[1] for note in source.notes] == ["fold", "usage"]
