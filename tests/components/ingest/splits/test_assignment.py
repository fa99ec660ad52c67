import pytest

from components.errors import DataError
from components.ingest.splits.assignment import assign_splits
from components.ingest.splits.own_splits import OwnSplits

_HASH = {"seed": 0, "dev_share": 0.3, "test_share": 0.3}
_LISTS = {"train": frozenset("abc"), "dev": frozenset("d"), "test": frozenset("e")}
_OWN = OwnSplits(_LISTS, "lists")


def test_assign_splits_by_lists() -> None:
    assignment = assign_splits({name: name for name in "abdexy"}, _OWN, **_HASH)
    assert assignment.splits == {"a": "train", "b": "train", "d": "dev", "e": "test"}
    assert assignment.unlisted == ["x", "y"]
    assert assignment.leaks == []


def test_assign_splits_by_hash() -> None:
    assignment = assign_splits({str(n): f"{n:064x}" for n in range(50)}, OwnSplits(), **_HASH)
    assert len(assignment.splits) == 50
    assert set(assignment.splits.values()) == {"train", "dev", "test"}
    assert assignment.unlisted == []


def test_assign_splits_drops_copies_from_train() -> None:
    digests = {"a": "same", "b": "own", "d": "same", "e": "other"}
    assignment = assign_splits(digests, _OWN, **_HASH)
    assert assignment.splits == {"b": "train", "d": "dev", "e": "test"}
    assert assignment.leaks == [{"image_id": "a", "same_as": "d", "split": "dev"}]
    # It was dropped, but it is in a list.
    assert assignment.unlisted == []


def test_assign_splits_reports_a_name_in_two_lists() -> None:
    lists = {**_LISTS, "train": frozenset("abe")}
    assignment = assign_splits({name: name for name in "abde"}, OwnSplits(lists, "lists"), **_HASH)
    assert assignment.splits["e"] == "test"
    assert assignment.leaks == [{"image_id": "e", "same_as": "e", "split": "test"}]


def test_assign_splits_train_emptied_by_leakage() -> None:
    with pytest.raises(DataError, match=r"train has none: train 0, dev 1, test 1"):
        assign_splits({"a": "same", "d": "same", "e": "other"}, _OWN, **_HASH)


def test_assign_splits_list_without_dev_is_not_filled_by_hash() -> None:
    lists = {"train": frozenset("abcdx"), "test": frozenset("e")}
    with pytest.raises(DataError, match="dev has none"):
        assign_splits({name: name for name in "abcdexyz"}, OwnSplits(lists, "lists"), **_HASH)
