"""Splits in JSON: the photos of each split, or the split of each photo.

Any of `{"train": ["a.jpg"], …}` (also below another key, also with records for names), `["a.jpg"]`
in a `train.json`, `{"a.jpg": "train"}`, and records `{"image": "a.jpg", "split": "train"}` in a
list or in JSON Lines.
"""

import json
import re
from pathlib import PurePosixPath
from typing import Any

from components.errors import DataError
from components.ingest.files.data_files import DataFiles
from components.ingest.layouts.fields import CAPTION, PHOTO, SPLIT
from components.ingest.layouts.split_words import known_split, split_in_name, split_of
from components.ingest.layouts.text import read_start, read_text

Entries = list[tuple[str, str]]

_START = 1 << 12
# Of a record that is no more than a photo's name: with an id, perhaps.
_MOST_FIELDS = 2
_SPEAKS = re.compile(r'"(?:train|val|dev|test|splits?|set|subset|partition)', re.IGNORECASE)
# Boxes and captions of COCO, captions of Karpathy: large, and named after splits.
_COCO = re.compile(r'"(?:annotations|categories|images|info|licenses|sentences)"\s*:')


def json_entries(name: str, files: DataFiles) -> Entries | None:
    """Returns pairs of what a JSON file calls a photo, and the photo's split.

    Args:
        name: The file's path below the data set.
        files: All files of the data set.

    Returns:
        The pairs; None if the file says nothing of splits.

    Raises:
        DataError: If it looks like lists of splits, and names a split that is none.
    """
    split = split_in_name(PurePosixPath(name).stem)
    start = read_start(files.paths[name], _START)
    if _COCO.search(start) or not (split or _SPEAKS.search(start)):
        return None
    try:
        content = _parse(read_text(files.paths[name]))
    except (DataError, ValueError, RecursionError) as error:
        if re.match(r'\s*\{\s*"(?:train|val|dev|test)', start):
            raise DataError(f"{name} must be JSON: {error}") from error
        return None
    return _entries(content, split, name)


def _parse(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return [json.loads(line) for line in text.splitlines() if line.strip()]


def _entries(
    content: Any, split: str | None, name: str, *, is_inner: bool = False
) -> Entries | None:
    if isinstance(content, list):
        return _of_records(content, split, name)
    if not isinstance(content, dict) or not content:
        return None
    if all(isinstance(word, str) and known_split(word) for word in content.values()):
        return [(photo, split_of(word, name) or "") for photo, word in content.items()]
    if known_split(next(iter(content))):
        return _by_split(content, name)
    inner = [] if is_inner else [_entries(one, None, name, is_inner=True)
                                 for one in content.values() if isinstance(one, dict)]  # fmt: skip
    return next((entries for entries in inner if entries), None)


def _by_split(content: dict[str, Any], name: str) -> Entries | None:
    entries: Entries = []
    for word, photos in content.items():
        split = split_of(word, name)
        listed = None if split is None else _of_records(photos, split, name)
        if listed is None:
            raise DataError(f"{name}: each split must have a list of names. Found for {word!r}")
        entries += listed
    return entries


def _of_records(records: Any, split: str | None, name: str) -> Entries | None:
    if not isinstance(records, list):
        return None
    entries: Entries = []
    for record in records:
        photo, word = record, None
        if isinstance(record, dict):
            photo = next((record[field] for field in PHOTO if field in record), None)
            if any(field in record for field in CAPTION):
                return None
            word = next((record[field] for field in SPLIT if field in record), None)
            # What a file is called after does not make its questions or answers a list.
            if word is None and len(record) > _MOST_FIELDS:
                return None
        its = split_of(str(word), f"{name}, {photo}") if word is not None else split
        if its is None or not isinstance(photo, str | int):
            return None
        entries.append((str(photo), its))
    return entries
