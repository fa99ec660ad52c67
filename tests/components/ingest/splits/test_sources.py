"""Where splits come from, through the whole reading of a folder."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components.errors import DataError
from components.ingest.reading.sources import read_folder
from components.ingest.splits.own_splits import OwnSplits

Dataset = Callable[[dict[str, Any]], Path]

_NAMES = [f"{number}.jpg" for number in range(6)]
_SPLITS = {
    "train": frozenset(_NAMES[:4]),
    "dev": frozenset({"4.jpg"}),
    "test": frozenset({"5.jpg"}),
}


def _table(names: list[str] = _NAMES) -> str:
    return "image,caption\n" + "".join(f"{name},A dog\n" for name in names)


def _lists(
    form: str = "{}", names: tuple[str, str, str] = ("train.txt", "val.txt", "test.txt")
) -> dict[str, str]:
    return {
        file: "".join(form.format(name.split(".")[0]) + "\n" for name in sorted(photos))
        for file, photos in zip(names, _SPLITS.values(), strict=True)
    }


def _splits(folder: Path) -> OwnSplits:
    return read_folder(folder, str(folder)).splits


@pytest.mark.parametrize(
    "names",
    [
        ("Flickr_8k.trainImages.txt", "Flickr_8k.devImages.txt", "Flickr_8k.testImages.txt"),
        ("Flickr_8k.trainImages.txt", "Flickr_8k.valImages.txt", "Flickr_8k.testImages.txt"),
        ("flickr30k_train.txt", "flickr30k_val.txt", "flickr30k_test.txt"),
        ("train.txt", "val.txt", "test.txt"),
        ("ImageSets/Main/train.txt", "ImageSets/Main/valid.txt", "ImageSets/Main/test.txt"),
        ("train_list.txt", "dev_ids.lst", "testing.txt"),
    ],
)
def test_lists_beside_captions_are_used(dataset: Dataset, names: tuple[str, str, str]) -> None:
    splits = _splits(dataset({"captions.txt": _table(), **_lists("{}.jpg", names)}))
    assert splits.lists == _SPLITS
    assert set(splits.origin.split(", ")) == set(names)
    assert splits.notes == ()


@pytest.mark.parametrize(
    "form", ["{}", "{}.jpg", "{}.JPG", "Images/{}.jpg", "/data/set/Images/{}.jpg", "Images\\{}.jpg",
             "{}.jpg#0", "{}.jpg 1", "{}.jpg,1", "{}.jpg\r"]
)  # fmt: skip
def test_lists_name_photos_in_many_ways(dataset: Dataset, form: str) -> None:
    assert _splits(dataset({"captions.txt": _table(), **_lists(form)})).lists == _SPLITS


def test_lists_of_the_longer_path_name_photos_by_the_shorter(dataset: Dataset) -> None:
    names = [f"cats/{name}" for name in _NAMES]
    splits = _splits(dataset({"captions.txt": _table(names), **_lists("{}.jpg")}))
    assert splits.lists["test"] == {"cats/5.jpg"}


def test_list_of_other_photos_is_reported_as_listed_only(dataset: Dataset) -> None:
    lists = {**_lists(), "val.txt": "4\nghost.jpg\n"}
    assert _splits(dataset({"captions.txt": _table(), **lists})).lists["dev"] == {
        "4.jpg",
        "ghost.jpg",
    }


def test_official_lists_of_other_names_are_refused_with_both_sides(dataset: Dataset) -> None:
    files = {"captions.txt": _table(), "Flickr_8k.trainImages.txt": "IMG_77.png\n"}
    with pytest.raises(
        DataError, match=r"Flickr_8k.trainImages.txt does not .*'IMG_77.png'.*'0.jpg'"
    ):
        _splits(dataset(files))


def test_lists_name_photos_by_their_numbers(dataset: Dataset) -> None:
    folder = dataset(
        {
            "captions.csv": "image_id,caption\n1,A dog\n2,A cat\n3,A bird\n",
            **{f"images/{number:012}.jpg": number for number in (1, 2, 3)},
            "train.txt": "000000000001.jpg\n",
            "val.txt": "2\n",
            "test.txt": "COCO_val2014_000000000003.jpg\n",
        }
    )
    assert _splits(folder).lists == {
        "train": frozenset({"1"}), "dev": frozenset({"2"}), "test": frozenset({"3"}),
    }  # fmt: skip


def test_text_that_is_no_list_is_noted(dataset: Dataset) -> None:
    files = {"captions.txt": _table(), "training log.txt": "epoch 1\n"}
    source = read_folder(dataset(files), "set")
    assert source.splits.lists == {}
    (note,) = source.notes
    assert "training log.txt does not clearly name" in note
    assert "not used" in note


def test_list_for_test_alone_is_kept_and_asks_for_the_others(dataset: Dataset) -> None:
    assert _splits(dataset({"captions.txt": _table(), "test.txt": "5\n"})).lists == {
        "test": frozenset({"5.jpg"})
    }


def test_list_of_all_photos_divides_nothing_and_is_noted(dataset: Dataset) -> None:
    splits = _splits(dataset({"captions.txt": _table(), "train.txt": "\n".join(_NAMES)}))
    assert splits.lists == {}
    assert splits.notes == ("train.txt: not used, since train is the only split in it",)


def test_copies_of_lists_are_fine_and_versions_are_refused(dataset: Dataset) -> None:
    official = ("Flickr_8k.trainImages.txt", "Flickr_8k.devImages.txt", "Flickr_8k.testImages.txt")
    files = {"captions.txt": _table(), **_lists("{}.jpg", official)}
    copies = {f"copy/{name}": text for name, text in _lists("{}.jpg", official).items()}
    assert _splits(dataset({**files, **copies})).lists == _SPLITS
    changed = {f"copy/{official[0]}": "0.jpg\n1.jpg\n"}
    with pytest.raises(DataError, match=r"Flickr_8k.trainImages.txt and copy/.*lists [23].jpg"):
        _splits(dataset({**files, **copies, **changed}))


def test_lists_below_each_folder_name_its_own_photos(dataset: Dataset) -> None:
    files = {
        "captions.txt": _table(["cats/1.jpg", "cats/2.jpg", "dogs/1.jpg", "dogs/2.jpg"]),
        "cats/train.txt": "1.jpg\n",
        "cats/test.txt": "2.jpg\n",
        "dogs/train.txt": "2.jpg\n",
        "dogs/test.txt": "1.jpg\n",
    }
    assert _splits(dataset(files)).lists == {
        "train": frozenset({"cats/1.jpg", "dogs/2.jpg"}),
        "test": frozenset({"cats/2.jpg", "dogs/1.jpg"}),
    }


def test_splits_in_a_json_of_lists(dataset: Dataset) -> None:
    content = {"train": _NAMES[:4], "validation": ["4"], "test": ["5.jpg"]}
    splits = _splits(dataset({"captions.txt": _table(), "splits.json": content}))
    assert splits.lists == _SPLITS
    assert splits.origin == "splits.json"


def test_splits_in_a_table_of_their_own(dataset: Dataset) -> None:
    rows = "".join(f"{name},{split}\n" for split, names in _SPLITS.items() for name in names)
    splits = _splits(dataset({"captions.txt": _table(), "split.csv": "image,split\n" + rows}))
    assert splits.lists == _SPLITS


def test_split_column(dataset: Dataset) -> None:
    rows = "".join(f"{name},A dog,{split}\n" for split, names in _SPLITS.items() for name in names)
    splits = _splits(dataset({"data.csv": "image,caption,split\n" + rows}))
    assert splits.lists == _SPLITS
    assert splits.origin == "the column `split` in data.csv"


def test_split_column_of_one_word_divides_nothing(dataset: Dataset) -> None:
    rows = "".join(f"{name},A dog,train\n" for name in _NAMES)
    splits = _splits(dataset({"data.csv": "image,caption,split\n" + rows}))
    assert splits.lists == {}
    assert "train is the only split" in splits.notes[0]


def test_folders_of_photos_called_after_splits(dataset: Dataset) -> None:
    photos = {f"{folder}/{n}.jpg": n for n, folder in enumerate(("train", "train", "val", "test"))}
    splits = _splits(dataset({"captions.txt": _table(list(photos)), **photos}))
    assert splits.lists == {
        "train": frozenset({"train/0.jpg", "train/1.jpg"}),
        "dev": frozenset({"val/2.jpg"}),
        "test": frozenset({"test/3.jpg"}),
    }
    assert splits.origin == "the photos' folders"


def test_folders_that_hold_some_of_the_photos_are_noted(dataset: Dataset) -> None:
    photos = {"train/0.jpg": 0, "test/1.jpg": 1, "more/2.jpg": 2}
    source = read_folder(dataset({"captions.txt": _table(list(photos)), **photos}), "set")
    assert source.splits.lists == {}
    assert "only 2 of 3 photos" in source.notes[0]


def test_train_and_val_alone_leave_half_of_val_to_test(dataset: Dataset) -> None:
    records = [
        {"image": f"{n}.jpg", "caption": "A dog", "split": "val" if n % 2 else "train"}
        for n in range(60)
    ]
    splits = _splits(dataset({"data.jsonl": "\n".join(map(json.dumps, records))}))
    assert len(splits.lists["dev"]) + len(splits.lists["test"]) == 30
    assert 8 <= len(splits.lists["test"]) <= 22
    assert "half of val is test" in splits.origin


def test_lists_for_train_and_val_alone_leave_half_of_val_to_test(dataset: Dataset) -> None:
    lists = {"train.txt": "0\n1\n", "val.txt": "2\n3\n4\n5\n"}
    splits = _splits(dataset({"captions.txt": _table(), **lists}))
    assert splits.lists["train"] == {"0.jpg", "1.jpg"}
    assert splits.lists["dev"] | splits.lists["test"] == set(_NAMES[2:])
    assert splits.lists["dev"] and splits.lists["test"]
    assert "half of val is test" in splits.origin


def test_two_photos_of_val_are_one_each_of_dev_and_test(dataset: Dataset) -> None:
    files = {"train.csv": _table(["t.jpg"]), "val.csv": _table(["a.jpg", "b.jpg"])}
    lists = _splits(dataset(files)).lists
    assert len(lists["dev"]) == len(lists["test"]) == 1


def test_karpathy_goes_before_the_names_of_caption_files(dataset: Dataset) -> None:
    files = {
        "train2014.csv": _table(["a.jpg", "b.jpg"]),
        "val2014.csv": _table(["c.jpg", "d.jpg"]),
        "dataset_coco.json": {
            "images": [
                {"filename": f"{name}.jpg", "split": split, "sentids": [], "sentences": []}
                for name, split in zip("abcd", ("train", "train", "restval", "test"), strict=True)
            ]
        },
    }
    splits = _splits(dataset(files))
    assert splits.lists == {
        "train": frozenset({"a.jpg", "b.jpg", "c.jpg"}),
        "test": frozenset({"d.jpg"}),
    }
    assert "(c.jpg: train, not dev)" in splits.notes[0]
