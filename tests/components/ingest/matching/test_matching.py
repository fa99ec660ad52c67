"""Which photo gets which captions, through the whole reading of a folder."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components.errors import DataError
from components.ingest.reading.sources import read_folder

Dataset = Callable[[dict[str, Any]], Path]


def _table(*names: str) -> str:
    return "image,caption\n" + "".join(f"{name},Of {name}\n" for name in names)


def _files(folder: Path) -> dict[str, str]:
    """Which file each captioned photo has."""
    source = read_folder(folder, str(folder))
    return {name: str(path.relative_to(folder)) for name, path in source.images.items()}


def test_same_name_in_two_folders_is_two_photos(dataset: Dataset) -> None:
    folder = dataset(
        {
            "captions.txt": _table("cats/1.jpg", "dogs/1.jpg", "dogs/2.jpg"),
            "Images/cats/1.jpg": 1,
            "Images/dogs/1.jpg": 2,
        }
    )
    assert _files(folder) == {
        "cats/1.jpg": "Images/cats/1.jpg",
        "dogs/1.jpg": "Images/dogs/1.jpg",
    }


@pytest.mark.parametrize("captioned", [("cats/1.jpg", "dogs/1.jpg"), ("dogs/1.jpg",)])
def test_missing_photo_never_gets_the_one_of_another_folder(
    dataset: Dataset, captioned: tuple[str, ...]
) -> None:
    folder = dataset({"captions.txt": _table(*captioned), "Images/cats/1.jpg": 1})
    files = _files(folder)
    assert "dogs/1.jpg" not in files
    assert set(files) <= {"cats/1.jpg"}


def test_name_without_folder_leaves_a_file_to_the_name_with_its_folder(dataset: Dataset) -> None:
    folder = dataset({"captions.txt": _table("1.jpg", "cats/1.jpg"), "Images/cats/1.jpg": 1})
    assert _files(folder) == {"cats/1.jpg": "Images/cats/1.jpg"}


def test_exact_path_goes_before_a_deeper_one(dataset: Dataset) -> None:
    folder = dataset({"captions.txt": _table("1.jpg"), "1.jpg": 1, "thumbs/1.jpg": 2})
    assert _files(folder) == {"1.jpg": "1.jpg"}


def test_two_different_files_of_one_name_are_refused_by_name(dataset: Dataset) -> None:
    folder = dataset({"captions.txt": _table("1.jpg"), "big/1.jpg": 1, "thumbs/1.jpg": 2})
    with pytest.raises(DataError, match=r"captions.txt refers to 1.jpg.*big/1.jpg and th"):
        read_folder(folder, "set")


def test_two_files_of_the_same_bytes_are_one(dataset: Dataset) -> None:
    folder = dataset({"captions.txt": _table("1.jpg"), "big/1.jpg": 1, "copy/1.jpg": 1})
    assert _files(folder) == {"1.jpg": "big/1.jpg"}


@pytest.mark.parametrize(
    ("given", "photo"),
    [
        ("images\\1.jpg", "images/1.jpg"),
        ("./images/1.jpg", "images/1.jpg"),
        ("images//1.jpg", "images/1.jpg"),
        ("/home/me/data/images/1.jpg", "images/1.jpg"),
        ("C:\\Users\\me\\images\\1.jpg", "images/1.jpg"),
        ("../data/images/1.jpg", "images/1.jpg"),
        ("data/set/images/1.jpg", "images/1.jpg"),
        (" 1.jpg ", "1.jpg"),
    ],
)
def test_paths_as_people_write_them(dataset: Dataset, given: str, photo: str) -> None:
    folder = dataset({"captions.txt": _table(given), "images/1.jpg": 1})
    assert _files(folder) == {photo: "images/1.jpg"}


def test_folders_above_the_data_set_are_dropped_for_all_or_none(dataset: Dataset) -> None:
    # Without their folders both names would be the one photo that is there.
    folder = dataset({"captions.txt": _table("x/cats/1.jpg", "y/cats/1.jpg"), "cats/1.jpg": 1})
    assert _files(folder) == {}


@pytest.mark.parametrize(
    ("given", "on_disk"),
    [
        ("photos/1.jpg", "Images/1.jpg"),
        ("photos/1", "Images/all/1.JPG"),
        ("train2014/1.jpg", "images/1.jpg"),
        ("photos/cats/1.jpg", "cats/1.jpg"),
        ("Flicker8k_Dataset/1.jpg", "1.jpg"),
    ],
)
def test_folders_that_say_only_that_they_hold_photos_do_not_matter(
    dataset: Dataset, given: str, on_disk: str
) -> None:
    folder = dataset({"captions.txt": _table(given, "2.jpg"), on_disk: 1, "2.jpg": 2})
    source = read_folder(folder, "set")
    assert source.images[given] == folder / on_disk
    assert source.loose == {given: on_disk}


@pytest.mark.parametrize(
    ("captioned", "on_disk"),
    [
        (("photos/1.jpg",), "cats/1.jpg"),
        (("cats/1.jpg",), "Images/1.jpg"),
        (("photos/1.jpg",), "Images/cats/1.jpg"),
        (("train2014/1.jpg",), "val2014/1.jpg"),
        (("train2014/1.jpg", "val2014/1.jpg"), "images/1.jpg"),
        (("train/1.jpg",), "test/1.jpg"),
    ],
)
def test_folder_of_another_name_is_another_folder(
    dataset: Dataset, captioned: tuple[str, ...], on_disk: str
) -> None:
    assert _files(dataset({"captions.txt": _table(*captioned), on_disk: 1})) == {}


@pytest.mark.parametrize(
    ("given", "on_disk"),
    [
        ("1.jpg", "1.JPG"),
        ("A.jpg", "a.jpg"),
        ("images/1.jpg", "Images/1.jpg"),
        ("1", "1.jpg"),
        ("1.jpg", "1"),
        ("1.jpg", "1.jpeg"),
        ("1.jpg", "1.png"),
        ("1.jpg", "1.jpg.1"),
        ("1.jpg_large", "1.jpg"),
        ("Screenshot at 3 PM.png", "Screenshot at 3\u202fPM.png"),
        ("my%20photo.jpg", "my photo.jpg"),
        ("\u200f1\u0635.jpg", "1\u0635.jpg"),
        ("139", "000000000139.jpg"),
        ("139.0", "COCO_val2014_000000000139.jpg"),
    ],
)
def test_case_and_ending_are_matched_loosely_and_counted(
    dataset: Dataset, given: str, on_disk: str
) -> None:
    place = on_disk if "/" in on_disk else f"Images/{on_disk}"
    folder = dataset({"captions.txt": _table(given, "2.jpg"), place: 1, "Images/2.jpg": 2})
    source = read_folder(folder, "set")
    assert source.images[given] == folder / place
    assert source.loose == {given: place}


@pytest.mark.parametrize(
    ("captioned", "on_disk", "found"),
    [
        (("1.jpg",), ("1.JPG", "1.Jpg"), {}),
        (("1",), ("1.jpg", "1.png"), {}),
        (("1.jpg", "1.png"), ("1.gif",), {}),
        (("1.jpg", "1.JPG"), ("1.jpg",), {"1.jpg": "1.jpg"}),
        (("1.jpg", "1.png"), ("1.jpg",), {"1.jpg": "1.jpg"}),
        (("a.jpg", "A.jpg"), ("a.jpg", "A.jpg"), {"a.jpg": "a.jpg", "A.jpg": "A.jpg"}),
        (("10.jpg",), ("1.jpg", "110.jpg"), {}),
        (("1",), ("01.jpg", "001.jpg"), {}),
        (("1", "01"), ("001.jpg",), {}),
        (("1.jpg",), ("001.jpg",), {}),
    ],
)
def test_loose_matches_that_are_not_clear_are_none(
    dataset: Dataset,
    captioned: tuple[str, ...],
    on_disk: tuple[str, ...],
    found: dict[str, str],
) -> None:
    photos = {name: number for number, name in enumerate(on_disk)}
    assert _files(dataset({"captions.txt": _table(*captioned), "other.jpg": 9, **photos})) == found


def test_accents_match_however_they_are_composed(dataset: Dataset) -> None:
    folder = dataset({"captions.txt": _table("cafe\u0301.jpg"), "Images/caf\u00e9.jpg": 1})
    assert _files(folder) == {"caf\u00e9.jpg": "Images/caf\u00e9.jpg"}


def test_two_files_that_differ_in_composed_accents_alone(dataset: Dataset) -> None:
    folder = dataset({"captions.txt": _table("e.jpg"), "\u00e9.jpg": 1, "e\u0301.jpg": 2})
    with pytest.raises(DataError, match="Two different files have the same name, \u00e9"):
        read_folder(folder, "set")


def test_backslash_in_a_file_name_is_a_separator(dataset: Dataset) -> None:
    # As unzip leaves an archive that was made by an old program on Windows.
    folder = dataset({"captions.txt": _table("Images/1.jpg"), "Images\\1.jpg": 1})
    assert _files(folder) == {"Images/1.jpg": "Images\\1.jpg"}


def test_hidden_photo_counts_if_it_has_captions(dataset: Dataset) -> None:
    folder = dataset({"captions.txt": _table(".1.jpg"), ".1.jpg": 1, "._1.jpg": 2})
    assert _files(folder) == {".1.jpg": ".1.jpg"}


def test_name_in_latin1_is_found_by_its_letters(dataset: Dataset) -> None:
    folder = dataset({"captions.txt": _table("Mädchen.jpg"), "x.jpg": 1})
    (folder / "x.jpg").rename(folder / os.fsdecode(b"M\xe4dchen.jpg"))
    assert list(_files(folder)) == ["Mädchen.jpg"]
