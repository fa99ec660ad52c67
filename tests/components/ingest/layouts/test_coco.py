import json
from pathlib import Path
from typing import Any

import pytest

from components.errors import DataError
from components.ingest.reading.sources import read_folder


def _write(path: Path, images: list[Any], annotations: list[Any]) -> None:
    path.write_text(json.dumps({"images": images, "annotations": annotations}))


def _captions(images: list[Any]) -> list[Any]:
    return [{"image_id": image["id"], "caption": f"Photo {image['id']}"} for image in images]


def test_coco_splits_from_names(coco: Path) -> None:
    # Other JSON files of COCO's hold no captions.
    (coco / "annotations" / "instances_val2017.json").write_text("{}")
    source = read_folder(coco, "coco")
    assert source.layout == "coco"
    assert source.captions == {
        "000.jpg": ["A train photo"],
        "001.jpg": ["A val photo"],
        "002.jpg": ["A test photo"],
    }
    assert source.splits.lists == {
        "train": frozenset({"000.jpg"}),
        "dev": frozenset({"001.jpg"}),
        "test": frozenset({"002.jpg"}),
    }
    assert source.images["001.jpg"] == coco / "val2017" / "001.jpg"


def test_coco_any_name_without_split(tmp_path: Path) -> None:
    (tmp_path / "settings.json").write_text('{"images": 3}')
    _write(
        tmp_path / "mine.json",
        [{"id": "x", "file_name": "photos/a.jpg"}, {"id": "y", "file_name": "b.jpg"}],
        [
            {"image_id": "x", "caption": "One"},
            {"image_id": "x", "caption": "Two"},
            {"image_id": "y", "caption": None},
            {"image_id": "z", "caption": "Of nothing"},
        ],
    )
    source = read_folder(tmp_path, "mine")
    assert source.captions == {
        "photos/a.jpg": ["One", "Two"],
        "b.jpg": [""],
        "image_id z": ["Of nothing"],
    }
    assert source.splits.lists == {}


def test_coco_splits_from_field(tmp_path: Path) -> None:
    splits = ("train", "restval", "val", "test", None)
    _write(
        tmp_path / "captions.json",
        [{"id": i, "file_name": f"{i}.jpg", "split": split} for i, split in enumerate(splits)],
        [{"image_id": 0, "caption": "One"}],
    )
    assert read_folder(tmp_path, "karpathy").splits.lists == {
        "train": frozenset({"0.jpg", "1.jpg"}),
        "dev": frozenset({"2.jpg"}),
        "test": frozenset({"3.jpg"}),
    }


def test_coco_captions_that_vizwiz_rejects_are_left_out_and_counted(tmp_path: Path) -> None:
    captions = [
        {"image_id": 1, "caption": "A can", "is_rejected": False, "is_precanned": False},
        {"image_id": 1, "caption": "spam", "is_rejected": True},
        {"image_id": 2, "caption": "Quality issues are too severe", "is_precanned": True},
    ]
    images = [{"id": 1, "file_name": "a.jpg"}, {"id": 2, "file_name": "b.jpg"}]
    _write(tmp_path / "train.json", images, captions)
    source = read_folder(tmp_path, "vizwiz")
    assert source.captions == {"a.jpg": ["A can"]}
    [note] = [note for note in source.notes if "is_rejected" in note]
    assert note.endswith("2")


def test_coco_unknown_split(tmp_path: Path) -> None:
    _write(
        tmp_path / "captions_a.json",
        [{"id": 1, "file_name": "a.jpg", "split": "holdout"}],
        [],
    )
    with pytest.raises(DataError, match=r"captions_a.json: a split must be one of .*'holdout'"):
        read_folder(tmp_path, "coco")


@pytest.mark.parametrize(
    ("content", "where"),
    [
        ("{", "the file"),
        ("[" * 100_000, "the file"),
        ('{"images": []}', "annotations"),
        ('{"images": [{"id": 1}], "annotations": []}', r"images\.0\.file_name"),
        ('{"images": [], "annotations": [{"image_id": 1, "caption": "\\ud800"}]}', "the file"),
    ],
)
def test_coco_broken(tmp_path: Path, content: str, where: str) -> None:
    (tmp_path / "captions_train.json").write_text(content)
    with pytest.raises(DataError, match=rf"captions_train.json must be COCO.* At {where}: "):
        read_folder(tmp_path, "coco")


def test_coco_as_published_without_test_captions_divides_val(tmp_path: Path) -> None:
    for split, numbers in (("train", range(100, 104)), ("val", range(40))):
        images = [{"id": number, "file_name": f"{number:012d}.jpg"} for number in numbers]
        _write(tmp_path / f"captions_{split}2017.json", images, _captions(images))
    lists = read_folder(tmp_path, "coco").splits.lists
    assert len(lists["train"]) == 4
    assert not lists["dev"] & lists["test"]
    assert lists["dev"] | lists["test"] == {f"{number:012d}.jpg" for number in range(40)}
    assert 10 <= len(lists["test"]) <= 30
    # Photos that come later move none.
    more = [{"id": number, "file_name": f"{number:012d}.jpg"} for number in range(60)]
    _write(tmp_path / "captions_val2017.json", more, _captions(more))
    assert lists["test"] <= read_folder(tmp_path, "coco").splits.lists["test"]


def test_coco_of_one_split_alone_leaves_splitting_to_the_content(tmp_path: Path) -> None:
    images = [{"id": 1, "file_name": "1.jpg"}]
    _write(tmp_path / "captions_val2017.json", images, _captions(images))
    splits = read_folder(tmp_path, "coco").splits
    assert splits.lists == {}
    assert "dev is the only split" in splits.notes[0]


def test_coco_ids_as_numbers_and_as_text(tmp_path: Path) -> None:
    _write(
        tmp_path / "a.json",
        [{"id": 1, "file_name": "a.jpg"}, {"id": "000002", "file_name": "b.jpg"}],
        [{"image_id": "1", "caption": "One"}, {"image_id": 2.0, "caption": "Two"}],
    )
    assert read_folder(tmp_path, "coco").captions == {"a.jpg": ["One"], "b.jpg": ["Two"]}


def test_coco_id_of_two_photos_is_refused_by_name(tmp_path: Path) -> None:
    images = [{"id": 0, "file_name": "a.jpg"}, {"id": 0, "file_name": "b.jpg"}]
    _write(tmp_path / "a.json", images, [{"image_id": 0, "caption": "Of which"}])
    with pytest.raises(DataError, match=r"a.json: .* a.jpg and b.jpg both have 0"):
        read_folder(tmp_path, "coco")


def test_coco_image_and_annotation_listed_twice_count_once(tmp_path: Path) -> None:
    images = [{"id": 0, "file_name": "a.jpg"}] * 2
    annotation = {"id": 5, "image_id": 0, "caption": "One"}
    # Another person may write the same words.
    _write(tmp_path / "a.json", images, [annotation, annotation, {**annotation, "id": 6}])
    source = read_folder(tmp_path, "coco")
    assert source.captions == {"a.jpg": ["One", "One"]}
    assert source.notes == ["a.json: annotations repeated with the same id, read once: 1"]


def test_coco_file_name_under_two_ids_has_the_captions_of_both(tmp_path: Path) -> None:
    images = [{"id": id_, "file_name": "a.jpg", "width": 9, "height": 9} for id_ in (1, 2)]
    _write(tmp_path / "a.json", images, _captions(images))
    source = read_folder(tmp_path, "coco")
    assert source.captions == {"a.jpg": ["Photo 1", "Photo 2"]}
    assert "several ids" in source.notes[0]


def test_coco_file_name_of_two_sizes_is_two_photos(tmp_path: Path) -> None:
    images = [{"id": id_, "file_name": "a.jpg", "width": id_, "height": 9} for id_ in (1, 2)]
    _write(tmp_path / "a.json", images, _captions(images))
    with pytest.raises(DataError, match=r"a.jpg is listed under the ids 1, 2 with different sizes"):
        read_folder(tmp_path, "coco")


def test_coco_annotations_of_no_image(tmp_path: Path) -> None:
    _write(
        tmp_path / "a.json",
        [{"id": "a", "file_name": "a.jpg"}],
        [{"image_id": 5, "caption": "One"}],
    )
    with pytest.raises(DataError, match=r"first annotation: 5. `id` of the first image: a"):
        read_folder(tmp_path, "coco")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_coco_with_a_byte_order_mark(tmp_path: Path, encoding: str) -> None:
    images = [{"id": 1, "file_name": "images\\a.jpg"}]
    _write(tmp_path / "a.json", images, _captions(images))
    text = (tmp_path / "a.json").read_text()
    (tmp_path / "a.json").write_text(text, encoding=encoding)
    assert read_folder(tmp_path, "coco").captions == {"images/a.jpg": ["Photo 1"]}


def test_coco_results_of_a_model_are_no_captions(tmp_path: Path) -> None:
    images = [{"id": 1, "file_name": "a.jpg"}]
    _write(tmp_path / "captions_val2017.json", images, _captions(images))
    said = [{"image_id": 1, "caption": "a model said"}]
    (tmp_path / "captions_val2017_results.json").write_text(json.dumps(said))
    assert read_folder(tmp_path, "coco").captions == {"a.jpg": ["Photo 1"]}


def test_coco_several_captions_in_one_annotation(tmp_path: Path) -> None:
    captions = [["A dog", None, "One dog"], [], None]
    images = [{"id": number, "file_name": f"{number}.jpg"} for number in range(3)]
    annotations = [{"image_id": number, "caption": each} for number, each in enumerate(captions)]
    _write(tmp_path / "captions_all.json", images, annotations)
    assert read_folder(tmp_path, "set").captions == {
        "0.jpg": ["A dog", "", "One dog"], "1.jpg": [""], "2.jpg": [""],
    }  # fmt: skip
