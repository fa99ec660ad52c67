"""JSON with captions one level down: by split, by photo, beside facts of the data set."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components.errors import DataError
from components.ingest.reading.sources import read_folder

Dataset = Callable[[dict[str, Any]], Path]

PHOTOS = {"a.jpg": 1, "b.jpg": 2, "c.jpg": 3}
CAPTIONS = {"a.jpg": ["A dog", "One dog"], "b.jpg": ["A cat"], "c.jpg": ["A hen"]}
SPLITS = {"train": {"a.jpg"}, "dev": {"b.jpg"}, "test": {"c.jpg"}}
WORDS = dict(zip(CAPTIONS, ("train", "val", "test"), strict=True))

MAPS: dict[str, Any] = {word: {photo: CAPTIONS[photo]} for photo, word in WORDS.items()}
LISTS = {
    word: [{"file_name": photo, "caption": text} for text in CAPTIONS[photo]]
    for photo, word in WORDS.items()
}
BY_PHOTO = {photo: {"captions": texts, "split": WORDS[photo]} for photo, texts in CAPTIONS.items()}


@pytest.mark.parametrize("name", ["captions.json", "captions_all.json", "dataset.json"])
@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("content", [MAPS, LISTS, BY_PHOTO, {"version": 1, "data": MAPS}])
def test_captions_by_split_or_by_photo(
    dataset: Dataset, content: Any, indent: int | None, name: str
) -> None:
    files = {**PHOTOS, name: json.dumps(content, indent=indent)}
    source = read_folder(dataset(files), "mine")
    assert source.layout == "json-nested"
    assert source.captions == CAPTIONS
    assert source.splits.lists == SPLITS
    assert name in source.splits.origin


def test_captions_by_split_keep_a_photo_that_stands_there_twice(dataset: Dataset) -> None:
    text = '{"train": {"a.jpg": ["A dog"], "a.jpg": "One dog"}, "val": {"b.jpg": null}}'
    assert read_folder(dataset({**PHOTOS, "mine.json": text}), "mine").captions == {
        "a.jpg": ["A dog", "One dog"],
        "b.jpg": [""],
    }


def test_textcaps(dataset: Dataset) -> None:
    def captions(split: str, photo: str) -> dict[str, Any]:
        record = {
            "question": "", "image_id": photo, "flickr_original_url": "https://x.org/1.jpg",
            "set_name": split, "image_path": f"train/{photo}.jpg", "caption_id": 1,
            "caption_str": f"A sign {photo}", "reference_strs": [f"A sign {photo}", "A sign"],
        }  # fmt: skip
        return {"dataset_type": split, "dataset_version": "v0.1", "data": [record]}

    files = {
        "TextCaps_0.1_train.json": captions("train", "1f"),
        "TextCaps_0.1_val.json": captions("val", "2e"),
        "train_images/1f.jpg": 1,
        "train_images/2e.jpg": 2,
    }
    source = read_folder(dataset(files), "textcaps")
    assert source.captions == {"train/1f.jpg": ["A sign 1f"], "train/2e.jpg": ["A sign 2e"]}
    assert source.images.keys() == source.captions.keys()
    assert source.splits.origin.startswith("the names of TextCaps")


@pytest.mark.parametrize("name", ["captions_val2017.json", "instances_val2017.json", "mine.json"])
def test_coco_with_a_description_is_coco(dataset: Dataset, name: str) -> None:
    content = {
        "info": {"description": "COCO 2017 Dataset", "url": "https://cocodataset.org"},
        "licenses": [{"url": "https://x.org", "id": 1, "name": "train"}],
        "images": [{"id": 1, "file_name": "a.jpg"}],
        "annotations": [{"image_id": 1, "caption": "A dog"}],
    }
    assert read_folder(dataset({**PHOTOS, name: content}), "coco").layout == "coco"


@pytest.mark.parametrize(
    ("content", "facts"),
    [
        ({"train": {"a.jpg": ["A dog"]}, "rest": {"b.jpg": ["A cat"]}}, ["mine.json", "rest"]),
        ({"train": {"a.jpg": ["A dog"]}, "val": {"b.jpg": 7}}, ["mine.json, val", "7"]),
        ({"train": {"a.jpg": ["A dog"]}, "val": {"a.jpg": "A dog"}}, ["a.jpg", "train", "dev"]),
        ({"data": [{"image": "a.jpg", "caption": "A dog"}, {"image": "b.jpg"}]}, ["record 2"]),
    ],
)
def test_broken_entries_are_named(dataset: Dataset, content: Any, facts: list[str]) -> None:
    with pytest.raises(DataError) as caught:
        read_folder(dataset({**PHOTOS, "mine.json": content}), "mine")
    for fact in facts:
        assert fact in str(caught.value)
