import pytest

from components.errors import DataError
from components.ingest.own_splits import OwnSplits
from components.ingest.split_assignment import divide_photos

_HASH = {"seed": 0, "dev_share": 0.3, "test_share": 0.3}
_LISTS = {"train": frozenset("abc"), "dev": frozenset("d"), "test": frozenset("e")}
_OWN = OwnSplits(_LISTS, "lists")


def test_divide_photos_by_lists() -> None:
    division = divide_photos({name: name for name in "abdexy"}, _OWN, **_HASH)
    assert division.splits == {"a": "train", "b": "train", "d": "dev", "e": "test"}
    assert division.unlisted == ["x", "y"]
    assert division.leaks == []


def test_divide_photos_by_hash() -> None:
    division = divide_photos({str(n): f"{n:064x}" for n in range(50)}, OwnSplits(), **_HASH)
    assert len(division.splits) == 50
    assert set(division.splits.values()) == {"train", "dev", "test"}
    assert division.unlisted == []


def test_divide_photos_drops_copies_from_train() -> None:
    digests = {"a": "same", "b": "own", "d": "same", "e": "other"}
    division = divide_photos(digests, _OWN, **_HASH)
    assert division.splits == {"b": "train", "d": "dev", "e": "test"}
    assert division.leaks == [{"image_id": "a", "same_as": "d", "split": "dev"}]
    # Dropped, but it was in a list.
    assert division.unlisted == []


def test_divide_photos_reports_a_name_in_two_lists() -> None:
    lists = {**_LISTS, "train": frozenset("abe")}
    division = divide_photos({name: name for name in "abde"}, OwnSplits(lists, "lists"), **_HASH)
    assert division.splits["e"] == "test"
    assert division.leaks == [{"image_id": "e", "same_as": "e", "split": "test"}]


def test_divide_photos_train_emptied_by_leakage() -> None:
    with pytest.raises(DataError, match=r"train has none: train 0, dev 1, test 1"):
        divide_photos({"a": "same", "d": "same", "e": "other"}, _OWN, **_HASH)


def test_divide_photos_list_without_dev_is_not_filled_by_hash() -> None:
    lists = {"train": frozenset("abcdx"), "test": frozenset("e")}
    with pytest.raises(DataError, match="dev has none"):
        divide_photos({name: name for name in "abcdexyz"}, OwnSplits(lists, "lists"), **_HASH)
