"""Detects data sets for object detection: boxes, masks or class names, but no captions."""

import re
from collections.abc import Iterator

from pydantic import BaseModel, ConfigDict, ValidationError

from components.errors import DataError
from components.ingest.files.data_files import DataFiles, is_hidden
from components.ingest.layouts.text import first_line, read_text

_BOX_COLUMNS = re.compile(r"(?<![a-z])(?:x_?min|y_?max|bbox|bounding_?box)(?![a-z])")
# YOLO: a class, then the box's centre and size, or a polygon, relative to the photo's size.
_YOLO_LINE = re.compile(r"\d+(?:\s+[01]?\.\d+(?:e-\d+)?){4,}\s*")
_VOC_START = re.compile(r"<annotation\b")
_SHOWN = 120


class _Annotation(BaseModel):
    # Extra fields are kept, because the message shows them.
    model_config = ConfigDict(extra="allow")


class _Instances(BaseModel):
    annotations: list[_Annotation]


def explain_annotations_only(files: DataFiles) -> str:
    """Names a file that contains boxes, masks or classes rather than captions.

    Args:
        files: All files of a data set without captions.

    Returns:
        Text for an error message; empty if there is no such file.
    """
    name, example = next(_found(files), ("", ""))
    if not name:
        return ""
    return (
        f"{name} holds boxes or classes for object detection and no captions: {example[:_SHOWN]!r}"
    )


def is_yolo(line: str) -> bool:
    """Returns whether a line is a YOLO annotation: a class and at least four coordinates."""
    return _YOLO_LINE.fullmatch(line.strip()) is not None


def _found(files: DataFiles) -> Iterator[tuple[str, str]]:
    for name in files.paths:
        if is_hidden(name):
            continue
        ending = name.lower().rpartition(".")[2]
        if ending == "json" and (example := _coco_example(files, name)):
            yield name, example
        elif ending in ("csv", "txt", "xml"):
            line = first_line(files.paths[name]).strip()
            if (
                (ending == "csv" and _BOX_COLUMNS.search(line.lower()))
                or (ending == "txt" and is_yolo(line))
                or (ending == "xml" and _VOC_START.match(line))
            ):
                yield name, line


def _coco_example(files: DataFiles, name: str) -> str:
    try:
        instances = _Instances.model_validate_json(read_text(files.paths[name]))
    except (DataError, ValidationError):
        return ""
    for annotation in instances.annotations:
        extra = annotation.model_extra or {}
        kinds = [kind for kind in ("bbox", "segmentation", "keypoints") if extra.get(kind)]
        if kinds and not extra.get("caption"):
            shown = ("image_id", "category_id", kinds[0])
            return ", ".join(f"{kind}: {extra[kind]}" for kind in shown if kind in extra)
    return ""
