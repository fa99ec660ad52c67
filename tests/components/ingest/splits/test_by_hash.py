import pytest

from components.errors import DataError
from components.ingest.splits.by_hash import (
    hash_place,
    refuse_empty_split,
    split_by_hash,
    split_by_lists,
    split_sizes,
)

_LISTS = {
    "train": frozenset({"a", "b", "gone"}),
    "dev": frozenset({"c"}),
    "test": frozenset({"d"}),
}


def test_split_by_lists() -> None:
    splits = split_by_lists(["a", "b", "c", "d", "unlisted"], _LISTS)
    assert splits == {"a": "train", "b": "train", "c": "dev", "d": "test"}


def test_split_by_lists_train_gives_way() -> None:
    lists = {**_LISTS, "train": frozenset({"a", "c", "d"})}
    assert split_by_lists(["a", "c", "d"], lists) == {"a": "train", "c": "dev", "d": "test"}


def test_split_by_lists_dev_and_test() -> None:
    lists = {**_LISTS, "test": frozenset({"c", "d"})}
    with pytest.raises(DataError, match=r"both dev and test. Received: 1 .* such as c"):
        split_by_lists(["a", "c", "d"], lists)
    assert split_by_lists(["a", "d"], lists) == {"a": "train", "d": "test"}


def test_hash_place_known() -> None:
    # `printf 7:ab | sha256sum` begins with ad6ba0f9c42b016a; of 2 ** 64 that is 0.677...
    assert hash_place(7, "ab") == pytest.approx(0xAD6BA0F9C42B016A / 2**64, abs=1e-15)


def test_split_by_hash_shares() -> None:
    digests = {str(number): f"{number:064x}" for number in range(4_000)}
    splits = split_by_hash(digests, seed=0, dev_share=0.1, test_share=0.2)
    sizes = split_sizes(splits)
    # Within four standard deviations of a binomial: 19 and 25 photos.
    assert abs(sizes["dev"] - 400) < 76
    assert abs(sizes["test"] - 800) < 101
    assert sum(sizes.values()) == 4_000


def test_split_by_hash_moves_none_when_photos_come() -> None:
    digests = {str(number): f"{number:064x}" for number in range(500)}
    settings = {"seed": 3, "dev_share": 0.1, "test_share": 0.1}
    before = split_by_hash({name: digests[name] for name in list(digests)[::2]}, **settings)
    after = split_by_hash(digests, **settings)
    assert {name: after[name] for name in before} == before


def test_split_by_hash_seed_and_content_alone() -> None:
    digests = {str(number): f"{number:064x}" for number in range(500)}
    renamed = {f"new {name}": digest for name, digest in digests.items()}
    first = split_by_hash(digests, seed=1, dev_share=0.2, test_share=0.2)
    assert list(split_by_hash(renamed, seed=1, dev_share=0.2, test_share=0.2).values()) == list(
        first.values()
    )
    assert split_by_hash(digests, seed=2, dev_share=0.2, test_share=0.2) != first


def test_refuse_empty_split_by_lists() -> None:
    with pytest.raises(DataError) as caught:
        refuse_empty_split({"a": "train", "b": "test"}, "train.txt")
    assert "dev has none: train 1, dev 0, test 1. The splits come from train.txt" in str(
        caught.value
    )


def test_refuse_empty_split_by_hash() -> None:
    with pytest.raises(
        DataError, match=r"dev and test have none: train 2, dev 0, test 0. Add photos"
    ):
        refuse_empty_split({"a": "train", "b": "train"}, "")


def test_refuse_empty_split_full() -> None:
    refuse_empty_split({"a": "train", "b": "dev", "c": "test"}, "lists")
