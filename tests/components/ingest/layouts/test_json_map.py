from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components.errors import DataError
from components.ingest.reading.sources import read_folder

Dataset = Callable[[dict[str, Any]], Path]


@pytest.mark.parametrize("name", ["mine.json", "captions_all.json"])
def test_json_map_of_lists_and_texts(dataset: Dataset, name: str) -> None:
    content = {"cats/a.jpg": ["One", "Two", None], "b.jpg": "Three", "c.jpg": None, "d.jpg": []}
    source = read_folder(dataset({name: content, "Images/cats/a.jpg": 1}), "mine")
    assert source.layout == "json-map"
    assert source.captions == {
        "cats/a.jpg": ["One", "Two", ""],
        "b.jpg": ["Three"],
        "c.jpg": [""],
        "d.jpg": [""],
    }
    assert list(source.images) == ["cats/a.jpg"]


def test_json_map_of_names_without_ending(dataset: Dataset) -> None:
    files = {"descriptions.json": {"a1": ["One"], "b2": ["Two"]}, "a1.jpg": 1, "b2.jpg": 2}
    source = read_folder(dataset(files), "mine")
    assert source.captions == {"a1": ["One"], "b2": ["Two"]}
    assert source.images.keys() == {"a1", "b2"}


def test_json_map_keeps_captions_of_a_photo_that_stands_there_twice(dataset: Dataset) -> None:
    text = '\ufeff{"a.jpg": ["One"], "b.jpg": ["Two"], "a.jpg": ["Three"]}'
    source = read_folder(dataset({"mine.json": text, "a.jpg": 1, "b.jpg": 2}), "mine")
    assert source.captions == {"a.jpg": ["One", "Three"], "b.jpg": ["Two"]}


def test_json_map_beside_split_lists(dataset: Dataset) -> None:
    content = {f"{name}.jpg": ["A dog"] for name in "abc"}
    lists = {"train": ["a.jpg"], "val": ["b.jpg"], "test": ["c.jpg"]}
    files = {"captions.json": content, "splits.json": lists, "a.jpg": 1, "b.jpg": 2, "c.jpg": 3}
    source = read_folder(dataset(files), "mine")
    assert source.captions == content
    assert source.splits.lists["test"] == {"c.jpg"}


@pytest.mark.parametrize("content", [{"version": "1"}, {"classes": ["dog", "cat"]}, {}])
def test_json_of_other_things_is_no_map(dataset: Dataset, content: dict[str, Any]) -> None:
    with pytest.raises(DataError, match="No captions were recognised"):
        read_folder(dataset({"about.json": content, "a.jpg": 1}), "mine")


@pytest.mark.parametrize(
    ("text", "fact"),
    [
        ('{"a.jpg": ["One"], "b.jpg": 7}', "b.jpg"),
        ('{"a.jpg": "One", "b.jpg": {"text": "Two"}}', "b.jpg"),
        ('{"a.jpg": ["One"', "must be JSON"),
        ('{"a.jpg": ["One"], "": ["Two"]}', "must not be empty"),
    ],
)
def test_json_map_broken(dataset: Dataset, text: str, fact: str) -> None:
    with pytest.raises(DataError, match=fact) as caught:
        read_folder(dataset({"mine.json": text, "a.jpg": 1}), "mine")
    assert "mine.json" in str(caught.value)
