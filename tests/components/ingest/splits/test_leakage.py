import numpy as np

from components.artifacts.training_photos import TrainingPhotos
from components.ingest.splits.leakage import (
    find_duplicates,
    find_leakage,
    find_parent_leakage,
)


def test_find_leakage_drops_copies_of_dev_and_test_from_train() -> None:
    splits = {"a": "train", "b": "train", "c": "train", "d": "dev", "e": "test"}
    digests = {"a": "1", "b": "2", "c": "3", "d": "1", "e": "3"}
    assert find_leakage(splits, digests) == [
        {"image_id": "a", "same_as": "d", "split": "dev"},
        {"image_id": "c", "same_as": "e", "split": "test"},
    ]


def test_find_leakage_photo_in_all_three_splits() -> None:
    splits = {"a": "train", "b": "dev", "c": "test"}
    digests = dict.fromkeys(splits, "1")
    assert find_leakage(splits, digests) == [{"image_id": "a", "same_as": "b", "split": "dev"}]


def test_find_leakage_none_within_a_split_or_between_dev_and_test() -> None:
    splits = {"a": "train", "b": "train", "c": "dev", "d": "test"}
    assert find_leakage(splits, {"a": "1", "b": "1", "c": "2", "d": "2"}) == []


def test_find_duplicates_groups_equal_photos() -> None:
    groups = find_duplicates(list("abcde"), np.array(["2", "1", "2", "3", "1"], "S64"))
    assert groups == [["a", "c"], ["b", "e"]]


def test_find_parent_leakage_drops_what_the_parent_was_trained_on() -> None:
    splits = {"a": "train", "b": "dev", "c": "dev", "d": "test", "e": "test", "f": "test"}
    parent = TrainingPhotos(frozenset("abcde"), frozenset("ce"))
    # The parent's dev photos may be in dev again (c), but not in test (e).
    leaks = find_parent_leakage(splits, {name: name for name in splits}, parent)
    assert leaks == ["b", "d", "e"]
