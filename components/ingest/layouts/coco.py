"""COCO captions: JSON files with `images` and `annotations`, and folders of images."""

import hashlib
import logging
import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ValidationError

from components.errors import DataError
from components.ingest.layouts.source import Layout, Source, image_name, images_by_name

logger = logging.getLogger(__name__)

_SPLIT_WORD = re.compile(r"(?<![a-z])(train|val|dev|test)(?:ing|id|idation)?(?![a-z])")
#: Names of splits in the field, and the ones used here. `restval` is what Karpathy's split adds
#: to train.
_SPLITS = {"train": "train", "restval": "train", "val": "dev", "dev": "dev", "test": "test"}


class _Image(BaseModel):
    id: int | str
    file_name: str
    split: str | None = None


class _Annotation(BaseModel):
    image_id: int | str
    caption: str | None = None


class _Coco(BaseModel):
    images: list[_Image]
    annotations: list[_Annotation]


def find(files: Sequence[Path]) -> list[Path]:
    """Returns the caption files: `captions_*.json`, else any JSON that holds COCO captions."""
    json_files = [file for file in files if file.suffix.lower() == ".json"]
    # COCO's other JSON files (instances, keypoints) are large; its own name for captions is enough.
    named = [file for file in json_files if file.name.lower().startswith("captions_")]
    return named or [file for file in json_files if _holds_captions(file)]


def read(found: Sequence[Path], files: Sequence[Path]) -> Source:
    """Reads captions, splits and image files.

    An image's split is its `split` field; else what the JSON's name says (train, val, test). Of
    train and val alone, val is divided into dev and test; of one split alone nothing is made.

    Args:
        found: What `find` returned.
        files: All files of the data set.

    Returns:
        The source; with lists of all splits if fields or names tell two of them, else without.

    Raises:
        DataError: If a JSON file is broken, or a `split` is none of the field's names.
    """
    captions: dict[str, list[str]] = defaultdict(list)
    lists: dict[str, set[str]] = defaultdict(set)
    for path in found:
        coco = _parse(path)
        file_split = _split_of_name(path.stem)
        names = {image.id: image_name(image.file_name) for image in coco.images}
        for image in coco.images:
            split = _split_of_image(image, path) if image.split else file_split
            if split:
                lists[split].add(names[image.id])
        for annotation in coco.annotations:
            # An id without an image still has its place in the report.
            name = names.get(annotation.image_id) or f"image_id {annotation.image_id}"
            captions[name].append(annotation.caption or "")
    return Source("coco", dict(captions), _completed(lists), images_by_name(files, captions))


def _completed(lists: dict[str, set[str]]) -> dict[str, frozenset[str]]:
    """Returns lists for all three splits, or none: COCO itself withholds its test captions."""
    if len(lists) < 2:
        return {}  # one split alone: the photos' content decides
    if lists.keys() == {"train", "dev"}:
        # By the name, so that photos that come later move none.
        held_out = sorted(lists["dev"])
        lists["test"] = {name for name in held_out if _falls_to_test(name)}
        lists["dev"] -= lists["test"]
        logger.info(
            "no test captions, as COCO publishes none: %d photos of val are dev, %d are test",
            len(lists["dev"]),
            len(lists["test"]),
        )
    return {split: frozenset(names) for split, names in lists.items()}


def _falls_to_test(name: str) -> bool:
    return hashlib.sha256(name.encode(errors="surrogateescape")).digest()[0] < 128


def _parse(path: Path) -> _Coco:
    try:
        coco = _Coco.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise DataError(
            f"{path.name} must be COCO captions: JSON with `images` and `annotations`. "
            f"Received at {where}: {first['msg']}"
        ) from error
    return coco


def _holds_captions(path: Path) -> bool:
    try:
        coco = _parse(path)
    except DataError:
        return False
    return any(annotation.caption is not None for annotation in coco.annotations)


def _split_of_name(stem: str) -> str | None:
    words = {match[1] for match in _SPLIT_WORD.finditer(stem.lower())}
    return _SPLITS[words.pop()] if len(words) == 1 else None


def _split_of_image(image: _Image, path: Path) -> str:
    split = _SPLITS.get((image.split or "").lower())
    if split is None:
        raise DataError(
            f"{path.name}: an image's `split` must be one of {', '.join(_SPLITS)}. "
            f"Received for {image.file_name}: {image.split!r}"
        )
    return split


LAYOUT = Layout(
    name="coco",
    looked_for="captions_*.json, or a JSON with `images` and `annotations` (COCO captions)",
    find=find,
    read=read,
)
