from components.ingest.splits.near_duplicates import find_near_duplicates


def test_find_near_duplicates_up_to_six_bits() -> None:
    splits = {"a": "train", "b": "train", "c": "train", "x": "test", "y": "dev"}
    hashes = {
        "a": "000000000000003f",  # 6 bits from x
        "b": "000000000000007f",  # 7
        "c": "0000000000000001",  # 1
        "x": "0000000000000000",
        "y": "ffffffffffffffff",
    }
    assert find_near_duplicates(splits, hashes) == [
        {"image_id": "c", "similar_to": "x", "split": "test", "distance": 1},
        {"image_id": "a", "similar_to": "x", "split": "test", "distance": 6},
    ]


def test_find_near_duplicates_counts_the_highest_bit() -> None:
    splits = {"a": "train", "x": "dev"}
    hashes = {"a": "8000000000000000", "x": "0000000000000000"}
    assert [pair["distance"] for pair in find_near_duplicates(splits, hashes)] == [1]


def test_find_near_duplicates_none_within_a_split_or_between_dev_and_test() -> None:
    splits = {"a": "train", "b": "train", "x": "test", "y": "dev"}
    hashes = {"a": "f" * 16, "b": "f" * 16, "x": "0" * 16, "y": "0" * 16}
    assert find_near_duplicates(splits, hashes) == []
