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


def test_assign_splits_takes_dev_from_train_where_none_is_named() -> None:
    names = [str(number) for number in range(200)]
    digests = {name: f"{number:064x}" for number, name in enumerate(names)}
    lists = {"train": frozenset(names[:150]), "test": frozenset(names[150:180])}
    assignment = assign_splits(digests, OwnSplits(lists, "lists"), **_HASH)
    of = {split: {n for n, s in assignment.splits.items() if s == split} for split in _LISTS}
    assert of["test"] == lists["test"]
    assert of["train"] | of["dev"] == lists["train"]
    # Binomial: 45 photos expected, four standard deviations are 22.4.
    assert abs(len(of["dev"]) - 45) < 23
    assert assignment.leaks == []
    assert assignment.unlisted == sorted(names[180:])
    assert assignment.origin.startswith("lists; ")
    assert "0.3 of train is dev" in assignment.origin
    # Photos that come later move none.
    more = {**lists, "train": lists["train"] | {names[180]}}
    again = assign_splits(digests, OwnSplits(more, "lists"), **_HASH).splits
    assert {name: again[name] for name in assignment.splits} == assignment.splits


def test_assign_splits_takes_no_copy_of_test_for_dev() -> None:
    digests = dict.fromkeys("ae", "same") | {str(n): f"{n:064x}" for n in range(40)}
    lists = {"train": frozenset([*map(str, range(40)), "a"]), "test": frozenset("e")}
    settings = {"seed": 0, "dev_share": 0.9, "test_share": 0.05}
    assignment = assign_splits(digests, OwnSplits(lists, "lists"), **settings)
    assert assignment.leaks == [{"image_id": "a", "same_as": "e", "split": "test"}]
    assert "a" not in assignment.splits


def test_assign_splits_takes_one_photo_for_dev_where_the_hash_takes_none() -> None:
    lists = {"train": frozenset("abc"), "test": frozenset("e")}
    settings = {"seed": 0, "dev_share": 1e-9, "test_share": 0.3}
    own = OwnSplits(lists, "lists")
    splits = assign_splits({name: name for name in "abce"}, own, **settings).splits
    assert sorted(splits.values()) == ["dev", "test", "train", "train"]


@pytest.mark.parametrize("named", [("train",), ("test",), ("dev", "test")])
def test_assign_splits_fills_no_other_split(named: tuple[str, ...]) -> None:
    names = [str(number) for number in range(50)]
    lists = {split: frozenset(names[place::3]) for place, split in enumerate(named)}
    with pytest.raises(DataError, match=r"Every split must have at least one photo.*lists"):
        assign_splits({name: name for name in names}, OwnSplits(lists, "lists"), **_HASH)


def test_assign_splits_does_not_fill_a_dev_split_whose_photos_are_missing() -> None:
    lists = {"train": frozenset("abc"), "dev": frozenset({"gone"}), "test": frozenset("e")}
    with pytest.raises(DataError, match="dev has none"):
        assign_splits({name: name for name in "abce"}, OwnSplits(lists, "lists"), **_HASH)
