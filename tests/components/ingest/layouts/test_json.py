import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components.errors import DataError
from components.ingest.reading.sources import read_folder

Dataset = Callable[[dict[str, Any]], Path]


def _lines(*records: Any) -> str:
    return "".join(json.dumps(record) + "\n" for record in records)


def _karpathy(**splits: str) -> dict[str, Any]:
    images = [
        {
            "filename": f"{name}.jpg",
            "split": split,
            "sentids": [0, 1],
            "sentences": [{"raw": f"Photo {name}"}, {"tokens": ["a", name]}],
        }
        for name, split in splits.items()
    ]
    return {"images": images, "dataset": "flickr8k"}


def test_json_lines_captions_and_splits(dataset: Dataset) -> None:
    lines = _lines(
        {"image": "Images/a.jpg", "captions": ["A dog", "One dog"], "split": "train"},
        {"image": "Images\\b.jpg", "caption": "A cat", "split": "val"},
        {"image": "Images/c.jpg", "captions": [], "split": "TEST"},
        {"image": "Images/d.jpg", "captions": "A bird", "split": None},
    )
    source = read_folder(dataset({"data.jsonl": lines, "Images/b.jpg": 1}), "set")
    assert source.layout == "json-lines"
    assert source.captions == {
        "Images/a.jpg": ["A dog", "One dog"],
        "Images/b.jpg": ["A cat"],
        "Images/c.jpg": [""],
        "Images/d.jpg": ["A bird"],
    }
    assert source.splits.lists == {
        "train": frozenset({"Images/a.jpg"}),
        "dev": frozenset({"Images/b.jpg"}),
        "test": frozenset({"Images/c.jpg"}),
    }
    assert source.splits.origin == "the field `split` in data.jsonl"
    assert source.images.keys() == {"Images/b.jpg"}


@pytest.mark.parametrize("name", ["captions_mine.json", "data.ndjson", "metadata.jsonl"])
def test_json_lines_of_any_name(dataset: Dataset, name: str) -> None:
    lines = "\ufeff\n" + _lines({"file_name": "a.jpg", "text": "A dog"})
    assert read_folder(dataset({name: lines}), "set").captions == {"a.jpg": ["A dog"]}


def test_json_list_whose_image_id_is_a_files_name(dataset: Dataset) -> None:
    # As AI Challenger's caption_train_annotations_20170902.json.
    records = [{"url": "https://x.org", "image_id": "a.jpg", "caption": ["一只狗", "两只"]}]
    source = read_folder(dataset({"caption_train.json": records, "a.jpg": 1}), "aic")
    assert source.captions == {"a.jpg": ["一只狗", "两只"]}


@pytest.mark.parametrize("indent", [None, 2])
def test_json_list_of_records(dataset: Dataset, indent: int | None) -> None:
    # As BLIP's coco_karpathy_train.json.
    records = [
        {"image": "val2014/a.jpg", "caption": "A dog", "image_id": 7},
        {"image": "val2014/b.jpg", "caption": ["A cat", "One cat"]},
    ]
    folder = dataset({"coco_karpathy_train.json": json.dumps(records, indent=indent)})
    assert read_folder(folder, "set").captions == {
        "val2014/a.jpg": ["A dog"],
        "val2014/b.jpg": ["A cat", "One cat"],
    }


def test_json_lines_a_file_for_each_split(dataset: Dataset) -> None:
    files = {
        f"{split}.jsonl": _lines({"image": f"{split}.jpg", "caption": "A dog"})
        for split in ("train", "valid", "test")
    }
    splits = read_folder(dataset(files), "set").splits
    assert splits.lists == {
        "train": frozenset({"train.jpg"}),
        "dev": frozenset({"valid.jpg"}),
        "test": frozenset({"test.jpg"}),
    }
    assert splits.origin == "the names of test.jsonl, train.jsonl, valid.jsonl"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"image": "b.jpg", "captions": ["A', "Invalid JSON"),
        ('{"image": "b.jpg"}', "captions: Field required"),
        ('{"captions": ["A dog"]}', "Field required"),
        ('{"image": " ", "captions": ["A dog"]}', "name must not be empty"),
        ('{"image": "b.jpg", "captions": [{"x": 1}]}', "captions.0"),
        ('{"image": "b.jpg", "captions": [], "split": "x"}', "Found: 'x'"),
    ],
)
def test_json_lines_broken_line(dataset: Dataset, line: str, said: str) -> None:
    lines = _lines({"image": "a.jpg", "caption": "A dog"}) + line
    with pytest.raises(DataError, match=r"data.jsonl, line 2: ") as caught:
        read_folder(dataset({"data.jsonl": lines}), "set")
    assert said in str(caught.value)


def test_karpathy_captions_and_splits(dataset: Dataset) -> None:
    content = _karpathy(a="train", b="restval", c="val", d="test")
    source = read_folder(dataset({"dataset_flickr8k.json": content, "img/a.jpg": 1}), "set")
    assert source.layout == "karpathy"
    assert source.captions["a.jpg"] == ["Photo a", "a a"]
    assert source.splits.lists == {
        "train": frozenset({"a.jpg", "b.jpg"}),
        "dev": frozenset({"c.jpg"}),
        "test": frozenset({"d.jpg"}),
    }
    assert source.images.keys() == {"a.jpg"}


def test_karpathy_names_that_stand_in_two_folders(dataset: Dataset) -> None:
    content = _karpathy(a="train")
    content["images"] = [{**content["images"][0], "filepath": f"part{n}"} for n in (1, 2)]
    folder = dataset({"dataset_x.json": content, "part1/a.jpg": 1, "part2/a.jpg": 2})
    source = read_folder(folder, "set")
    assert source.images == {f"part{n}/a.jpg": folder / f"part{n}" / "a.jpg" for n in (1, 2)}


def test_karpathy_beside_other_captions_gives_the_splits(dataset: Dataset) -> None:
    token = "".join(f"{name}.jpg#0\tA dog {name}\n" for name in "abc")
    content = _karpathy(a="train", b="val", c="test")
    source = read_folder(
        dataset({"Flickr8k.token.txt": token, "dataset_flickr8k.json": content}), "set"
    )
    assert source.captions["a.jpg"] == ["A dog a"]
    assert source.splits.lists["test"] == {"c.jpg"}
    assert source.splits.origin == "dataset_flickr8k.json"


def test_karpathy_beside_lists_that_differ_says_so(dataset: Dataset) -> None:
    files = {
        "dataset_flickr8k.json": _karpathy(a="train", b="val", c="test"),
        "train.txt": "a.jpg\n",
        "val.txt": "c.jpg\n",
        "test.txt": "b.jpg\n",
    }
    splits = read_folder(dataset(files), "set").splits
    assert splits.lists["test"] == {"c.jpg"}
    (note,) = splits.notes
    assert "test.txt" in note
    assert "(b.jpg: dev, not test)" in note


def test_karpathy_of_another_data_set_is_refused(dataset: Dataset) -> None:
    files = {
        "captions.txt": "image,caption\nx.jpg,A dog\n",
        "dataset_flickr8k.json": _karpathy(a="train"),
    }
    with pytest.raises(DataError, match=r"dataset_flickr8k.json does not .*'a.jpg'.*'x.jpg'"):
        read_folder(dataset(files), "set")


def test_karpathy_broken(dataset: Dataset) -> None:
    content = {"images": [{"sentids": [1], "sentences": []}]}
    with pytest.raises(DataError, match=r"dataset_x.json .* At images\.0\.filename"):
        read_folder(dataset({"dataset_x.json": content}), "set")
