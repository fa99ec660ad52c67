import pytest

from components.errors import DataError
from components.ingest.layouts.split_words import (
    note_split,
    split_in_folders,
    split_in_name,
    split_of,
)


@pytest.mark.parametrize(
    ("word", "split"),
    [
        ("train", "train"), ("Training", "train"), ("restval", "train"), (" VAL ", "dev"),
        ("validation", "dev"), ("valid", "dev"), ("dev", "dev"), ("test", "test"),
        ("train2014", "train"), ("Validation set", "dev"), ("test_a", "test"),
        ("", None), (None, None), ("nan", None),
    ],
)  # fmt: skip
def test_split_of(word: str | None, split: str | None) -> None:
    assert split_of(word, "x") == split


def test_split_of_an_unknown_word() -> None:
    with pytest.raises(DataError, match=r"a.json: a split must be one of .*Found: 'holdout'"):
        split_of("holdout", "a.json")


def test_note_split_of_a_photo_twice() -> None:
    splits = {"a": "train"}
    note_split(splits, "a", "training", "x")
    note_split(splits, "b", None, "x")
    assert splits == {"a": "train"}
    with pytest.raises(DataError, match=r"x: a is in dev here, but in train"):
        note_split(splits, "a", "val", "x")


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("captions_train2017", "train"), ("captions_val2014", "dev"), ("validation", "dev"),
        ("valid-captions", "dev"), ("dev", "dev"), ("Captions_TEST", "test"),
        ("Flickr_8k.trainImages", "train"), ("Flickr_8k.devImages", "dev"), ("test_list", "test"),
        ("captions", None), ("captions_trainval2014", None), ("train_and_test", None),
        ("contest", None), ("latest", None), ("trained", None),
    ],
)  # fmt: skip
def test_split_in_name(name: str, split: str | None) -> None:
    assert split_in_name(name) == split


def test_split_in_folders_the_innermost_counts() -> None:
    assert split_in_folders("train/val2017/1.jpg") == "dev"
    assert split_in_folders("train/cats/test.jpg") == "train"
    assert split_in_folders("cats/test.jpg") is None
