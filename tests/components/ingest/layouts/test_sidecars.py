import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components.errors import DataError
from components.ingest.reading.sources import read_folder

Dataset = Callable[[dict[str, Any]], Path]

PHOTOS = {"a.jpg": 1, "b.PNG": 2, "c.jpg": 3}


@pytest.mark.parametrize(
    "texts",
    [
        {"a.txt": "A dog\nA brown dog\n", "b.txt": "A cat", "c.txt": ""},
        {"a.jpg.txt": "\ufeffA dog\r\nA brown dog", "B.txt": "A cat", "c.txt": "\n"},
        {"a.caption": "A dog\nA brown dog\n", "b.caption": "A cat", "c.caption": ""},
        {"text/a.txt": "A dog\nA brown dog\n", "text/b.txt": "A cat", "text/c.txt": ""},
        {"a.json": {"caption": ["A dog", "A brown dog"], "url": "https://x.org/a.jpg"},
         "b.json": {"key": "b", "caption": "A cat"}, "c.json": {"caption": ""}},
    ],
)  # fmt: skip
def test_a_text_for_each_photo(dataset: Dataset, texts: dict[str, Any]) -> None:
    source = read_folder(dataset({**PHOTOS, **texts}), "mine")
    assert source.layout == "sidecar-text"
    captions = {"a.jpg": ["A dog", "A brown dog"], "b.PNG": ["A cat"], "c.jpg": [""]}
    assert source.captions == captions
    assert {name: path.name for name, path in source.images.items()} == {n: n for n in PHOTOS}


def test_a_text_for_each_photo_in_folders_of_classes(dataset: Dataset) -> None:
    files = {
        "images/cats/1.jpg": 1, "images/dogs/1.jpg": 2, "images/dogs/2.jpg": 3,
        "text/cats/1.txt": "A cat", "text/dogs/1.txt": "A dog", "text/cats/2.txt": "Another cat",
    }  # fmt: skip
    source = read_folder(dataset(files), "mine")
    assert source.captions["images/cats/1.jpg"] == ["A cat"]
    assert source.captions["images/dogs/1.jpg"] == ["A dog"]
    # The cat's photo is missing, and the second dog's caption.
    assert source.captions["text/cats/2"] == ["Another cat"]
    assert source.images.keys() == {"images/cats/1.jpg", "images/dogs/1.jpg"}
    assert source.uncaptioned == ["images/dogs/2.jpg"]


def test_a_text_for_each_photo_of_a_webdataset(dataset: Dataset) -> None:
    # img2dataset writes the caption twice; its JSON has the address that it came from.
    files: dict[str, Any] = {}
    for number in range(3):
        caption = f"Photo {number}"
        files |= {
            f"00000{number}.jpg": number,
            f"00000{number}.txt": caption,
            f"00000{number}.json": {"caption": caption, "url": "https://x.org/1.jpg", "sha": "0"},
        }
    source = read_folder(dataset({**files, "00000_stats.json": {"count": 3}}), "shard")
    assert source.captions == {f"00000{number}.jpg": [f"Photo {number}"] for number in range(3)}


def test_a_text_for_each_photo_beside_split_lists_and_a_readme(dataset: Dataset) -> None:
    files = {
        **PHOTOS, "a.txt": "A dog", "b.txt": "A cat", "c.txt": "A hen", "d.txt": "A missing cow",
        "README.txt": "Photos of 2020", "train.txt": "a.jpg\n", "val.txt": "b\n", "test.txt": "c\n",
    }  # fmt: skip
    source = read_folder(dataset(files), "mine")
    assert source.captions.keys() == {*PHOTOS, "d"}
    assert source.splits.lists == {"train": {"a.jpg"}, "dev": {"b.PNG"}, "test": {"c.jpg"}}


def test_texts_of_flickr30k_entities_lose_their_marks(dataset: Dataset) -> None:
    files = {
        "flickr30k-images/36979.jpg": 1,
        "Sentences/36979.txt": "[/EN#1/people A group of friends] in [/EN#2/scene a park] .\n",
    }
    captions = read_folder(dataset(files), "entities").captions
    assert captions == {"flickr30k-images/36979.jpg": ["A group of friends in a park ."]}


def test_texts_beside_photos_do_not_count_beside_captions(dataset: Dataset) -> None:
    # The text of b.PNG would be a table's header by itself.
    files = {**PHOTOS, "a.txt": "dog, grass", "b.txt": "photo, text", "c.txt": "hen",
             "captions.csv": "image,caption\na.jpg,A dog\nb.PNG,A cat\nc.jpg,A hen\n"}  # fmt: skip
    source = read_folder(dataset(files), "mine")
    assert source.captions == {"a.jpg": ["A dog"], "b.PNG": ["A cat"], "c.jpg": ["A hen"]}
    [note] = source.notes
    assert all(fact in note for fact in ("3 files", "a.txt", "captions.csv"))


def test_two_different_texts_of_one_photo_are_refused(dataset: Dataset) -> None:
    files = {**PHOTOS, "a.txt": "1girl, solo", "a.caption": "A girl", "b.txt": "cat"}
    with pytest.raises(DataError, match=r"a\.caption and a\.txt .* a\.jpg"):
        read_folder(dataset(files), "mine")


def test_a_text_of_two_photos_is_given_to_neither(dataset: Dataset) -> None:
    files = {**PHOTOS, "a.png": 7, "a.txt": "A dog", "b.txt": "A cat", "c.txt": "A hen"}
    source = read_folder(dataset(files), "mine")
    assert source.captions.keys() == {"a", "b.PNG", "c.jpg"}
    assert source.images.keys() == {"b.PNG", "c.jpg"}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("captions.txt", "image,caption\na.jpg,A dog\nb.PNG,A cat\n"),
        ("results.txt", "image_name| comment_number| comment\na.jpg| 0|A dog\nb.PNG| 0|A cat\n"),
        ("mine.txt", "a.jpg#0\tA dog\nb.PNG#0\tA cat\n"),
    ],
)
def test_captions_of_all_photos_among_texts_of_one_photo_each(
    dataset: Dataset, name: str, content: str
) -> None:
    texts = {"a.txt": "1girl", "b.txt": "cat", "c.txt": "hen"}
    source = read_folder(dataset({**PHOTOS, **texts, name: content}), "mine")
    assert source.captions == {"a.jpg": ["A dog"], "b.PNG": ["A cat"]}
    [note] = source.notes
    assert all(fact in note for fact in ("3 files", "a.txt", name))


def test_a_text_of_a_missing_photo_that_reads_like_a_header(dataset: Dataset) -> None:
    files = {**PHOTOS, "a.txt": "dog", "b.txt": "cat", "c.txt": "hen", "d.txt": "photo, text"}
    source = read_folder(dataset(files), "mine")
    assert source.layout == "sidecar-text"
    assert source.captions["d"] == ["photo, text"]


def test_a_list_of_photos_and_their_splits_among_texts(dataset: Dataset) -> None:
    files = {**PHOTOS, "a.txt": "A dog", "b.txt": "A cat", "c.txt": "A hen",
             "splits.txt": "a.jpg train\nb.PNG val\nc.jpg test\n"}  # fmt: skip
    source = read_folder(dataset(files), "mine")
    assert source.captions.keys() == PHOTOS.keys()
    assert source.splits.lists == {"train": {"a.jpg"}, "dev": {"b.PNG"}, "test": {"c.jpg"}}


@pytest.mark.parametrize("content", [b'{"caption": "Caf\xe9"}', b'{"caption": "A', b"[" * 100_000])
def test_json_that_cannot_be_read_stops_only_where_captions_are_in_json(
    dataset: Dataset, content: bytes
) -> None:
    table = "image,caption\na.jpg,A dog\nb.PNG,A cat\n"
    source = read_folder(dataset({**PHOTOS, "a.json": content, "captions.csv": table}), "mine")
    assert source.captions == {"a.jpg": ["A dog"], "b.PNG": ["A cat"]}
    texts = {"a.json": content, "b.json": {"caption": "A cat"}, "c.json": {"caption": "A hen"}}
    with pytest.raises(DataError, match=r"a\.json"):
        read_folder(dataset({**PHOTOS, **texts}, "jsons"), "mine")


@pytest.mark.parametrize("start", ["[/EN#1/people Two ", "[/EN#1/"])
def test_texts_of_flickr30k_entities_without_an_end_are_read_once(
    dataset: Dataset, start: str
) -> None:
    text = start * (1_000_000 // len(start))
    began = time.process_time()
    captions = read_folder(dataset({"a.jpg": 1, "a.txt": text}), "entities").captions
    assert captions == {"a.jpg": [text.strip()]}
    assert time.process_time() - began < 5
