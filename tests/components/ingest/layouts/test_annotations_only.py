from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components.errors import DataError
from components.ingest.reading.sources import read_folder

Dataset = Callable[[dict[str, Any]], Path]

_IMAGES = [{"id": 1, "file_name": "a.jpg", "height": 20, "width": 24}]
_BOX = {"id": 5, "image_id": 1, "category_id": 3, "bbox": [1, 2, 30, 40], "area": 1200}


@pytest.mark.parametrize(
    ("name", "content", "facts"),
    [
        ("train/_annotations.coco.json", {"images": _IMAGES, "annotations": [_BOX]},
         ["category_id: 3", "bbox: [1, 2, 30, 40]"]),
        ("instances_val2017.json",
         {"images": _IMAGES, "annotations": [{"image_id": 1, "segmentation": [[1, 2, 3, 4]]}]},
         ["segmentation: [[1, 2, 3, 4]]"]),
        ("captions_train2017.json", {"images": _IMAGES, "annotations": [_BOX]}, ["category_id: 3"]),
        ("labels/a.txt", "0 0.51 0.42 0.1 0.25\n", ["0 0.51 0.42"]),
        ("a.xml", "<annotation>\n<object><bndbox/></object></annotation>", ["<annotation>"]),
        ("_annotations.csv", "filename,width,height,class,xmin,ymin,xmax,ymax\na.jpg,1,1,d,1,1,2,2",
         ["xmin"]),
    ],
)  # fmt: skip
def test_boxes_without_captions_are_named(
    dataset: Dataset, name: str, content: Any, facts: list[str]
) -> None:
    with pytest.raises(DataError, match="no captions") as caught:
        read_folder(dataset({name: content, "a.jpg": 1}), "boxes")
    for fact in (name, "detection", *facts):
        assert fact in str(caught.value)


def test_boxes_beside_captions_are_no_fault(dataset: Dataset) -> None:
    captions = [_BOX, {"image_id": 1, "caption": "A dog"}]
    files = {
        "both.json": {"images": _IMAGES, "annotations": captions},
        "instances.json": {"images": _IMAGES, "annotations": [_BOX]},
        "a.jpg": 1,
    }
    assert "A dog" in read_folder(dataset(files), "mine").captions["a.jpg"]


def test_boxes_named_as_captions_beside_captions_are_no_fault(dataset: Dataset) -> None:
    captions = [{"image_id": 1, "caption": "A dog"}]
    files = {
        "captions_train.json": {"images": _IMAGES, "annotations": captions},
        "captions_boxes.json": {"images": _IMAGES, "annotations": [_BOX]},
        "a.jpg": 1,
    }
    assert read_folder(dataset(files), "mine").captions == {"a.jpg": ["A dog"]}
