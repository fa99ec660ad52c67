import pytest

from components.ingest.files.names import (
    Level,
    NameIndex,
    comparable,
    number_of,
    without_containers,
)

_PATHS = ["cats/1.jpg", "dogs/1.jpg", "Images/cats/2.JPG", "1.jpg"]


@pytest.mark.parametrize(
    ("path", "level", "found"),
    [
        ("1.jpg", Level.WRITTEN, ["cats/1.jpg", "dogs/1.jpg", "1.jpg"]),
        ("cats/1.jpg", Level.WRITTEN, ["cats/1.jpg"]),
        ("ats/1.jpg", Level.WRITTEN, []),
        ("cats/2.jpg", Level.WRITTEN, []),
        ("CATS/2.jpg", Level.CASE, ["Images/cats/2.JPG"]),
        ("cats/2", Level.CASE, []),
        ("cats/2", Level.ENDING, ["Images/cats/2.JPG"]),
    ],
)
def test_name_index_ending_with(path: str, level: Level, found: list[str]) -> None:
    assert NameIndex(_PATHS).ending_with(path, level) == found


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("data/cats/1.jpg", ["cats/1.jpg"]),
        ("data/mice/1.jpg", ["1.jpg"]),
        ("data/mice/3.jpg", []),
    ],
)
def test_name_index_ends_of_are_the_longest(path: str, found: list[str]) -> None:
    assert NameIndex(_PATHS).ends_of(path, Level.WRITTEN) == found


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("a.jpg", "a"), ("a.JPEG", "a"), ("a.jpg.1", "a"), ("a.jpg_large", "a"), ("a", "a"),
        ("a.jpg:large", "a"), ("a.b.png", "a.b"), ("a.txt", "a.txt"), ("2.5", "2.5"),
    ],
)  # fmt: skip
def test_comparable_without_ending(name: str, stem: str) -> None:
    assert comparable(name, Level.ENDING) == (stem,)


def test_without_containers() -> None:
    assert without_containers("Flicker8k_Dataset/photos/cats/1.jpg") == ("cats", "1")
    assert without_containers("val2014/images.jpg") == ("images",)
    assert without_containers("train/imagery/1.jpg") == ("train", "imagery", "1")


@pytest.mark.parametrize(
    ("path", "number"),
    [
        ("139", 139), ("139.0", 139), ("images/000139.jpg", 139), ("139.5", None), ("1a.jpg", None),
        ("COCO_val2014_000000000139.jpg", 139), ("dog_3.jpg", None), ("\u0661", None),
    ],
)  # fmt: skip
def test_number_of(path: str, number: int | None) -> None:
    assert number_of(path) == number


def test_name_index_numbered_needs_a_bare_number_on_one_side() -> None:
    index = NameIndex(["a/001.jpg", "002", "3.jpg"])
    assert index.numbered("1.0") == ["a/001.jpg"]
    assert index.numbered("1.jpg") == []
    assert index.numbered("0002.jpg") == ["002"]
    assert index.numbered("b/2") == ["002"]
