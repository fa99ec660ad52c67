"""Karpathy's JSON for Flickr8k, Flickr30k and COCO: captions and splits in one file."""

import re
from collections import Counter
from pathlib import Path

from pydantic import BaseModel, ValidationError

from components.errors import DataError, first_fault
from components.ingest.files.data_files import DataFiles, is_hidden, photo_path
from components.ingest.layouts.caption_file import CaptionFile, CaptionRow, Layout
from components.ingest.layouts.split_words import note_split
from components.ingest.layouts.text import read_text

# Bytes at the start of the file that contain all keys of the first image.
_START = 1 << 20
_MARK = re.compile(rb'"(?:sentences|sentids)"\s*:')


class _Sentence(BaseModel):
    raw: str | None = None
    tokens: list[str] | None = None


class _Image(BaseModel):
    filename: str
    filepath: str = ""
    split: str | None = None
    sentences: list[_Sentence] = []


class _Karpathy(BaseModel):
    images: list[_Image]


def find(files: DataFiles) -> list[str]:
    """Returns the JSON files whose images have `sentences`."""
    return [
        name
        for name in files.paths
        if name.lower().endswith(".json")
        and not is_hidden(name)
        and _has_sentences(files.paths[name])
    ]


def _has_sentences(path: Path) -> bool:
    with path.open("rb") as file:
        # UTF-16 has a zero byte for each ASCII letter.
        return _MARK.search(file.read(_START).replace(b"\0", b"")) is not None


def read(name: str, files: DataFiles) -> CaptionFile:
    """Reads a file's captions and splits.

    A photo's name is its `filename`, preceded by its folder (`filepath`) only if the `filename`
    occurs more than once.

    Args:
        name: The file's path below the data set.
        files: All files.

    Raises:
        DataError: If the file is broken.
    """
    try:
        karpathy = _Karpathy.model_validate_json(read_text(files.paths[name]))
    except ValidationError as error:
        raise DataError(
            f"{name} must be Karpathy's JSON, with a `filename` and `sentences` for each image. "
            f"At {first_fault(error)}"
        ) from error
    times = Counter(image.filename for image in karpathy.images)
    rows: list[CaptionRow] = []
    splits: dict[str, str] = {}
    for image in karpathy.images:
        photo = photo_path(
            image.filename if times[image.filename] == 1 else f"{image.filepath}/{image.filename}"
        )
        texts = [one.raw or " ".join(one.tokens or ()) for one in image.sentences]
        rows += [CaptionRow(photo, text) for text in texts or [""]]
        note_split(splits, photo, image.split, name)
    return CaptionFile("karpathy", name, rows, splits)


LAYOUT = Layout(
    name="karpathy",
    looked_for="dataset_flickr8k.json, dataset_flickr30k.json or dataset_coco.json (Karpathy)",
    find=find,
    read=read,
)
