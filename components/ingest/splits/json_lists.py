"""Reads splits from JSON: the photos of each split, or the split of each photo.

Supported are `{"train": ["a.jpg"], …}` (also nested under another key, also with records instead of
names), `["a.jpg"]` in a `train.json`, `{"a.jpg": "train"}`, and records
`{"image": "a.jpg", "split": "train"}` in a list or in JSON Lines.
"""

import json
import re
from pathlib import PurePosixPath
from typing import Any

from components.errors import DataError
from components.ingest.files.data_files import DataFiles, photo_path
from components.ingest.layouts.fields import CAPTION, PHOTO, SPLIT
from components.ingest.layouts.json_map import is_photo
from components.ingest.layouts.split_words import SPLIT_WORDS, known_split, split_in_name, split_of
from components.ingest.layouts.text import read_start, read_text

Entries = list[tuple[str, str]]

_START = 1 << 12
# A record without a split counts as a photo's name if it has at most this many fields, such as the
# name and an id.
_MOST_FIELDS = 2
_SPEAKS = re.compile(r'"(?:train|val|dev|test|splits?|set|subset|partition)', re.IGNORECASE)
_FIRST_LIST = re.compile(r'\s*\{\s*"(?P<word>[^"\\]*)"\s*:\s*\[')
# COCO's annotations and Karpathy's JSON are large and named after splits, but are not lists.
_COCO = re.compile(r'"(?:annotations|categories|images|info|licenses|sentences)"\s*:')


def json_entries(name: str, files: DataFiles) -> Entries | None:
    """Returns the photos in a JSON file of splits, each with its split.

    Args:
        name: The file's path below the data set.
        files: All files of the data set.

    Returns:
        Pairs of a photo's name in the file and its split; None if it is not a file of splits.

    Raises:
        DataError: If it is a file of splits, but is broken or contains an unknown split.
    """
    split = split_in_name(PurePosixPath(name).stem)
    start = read_start(files.paths[name], _START)
    if _COCO.search(start) or not (split or _SPEAKS.search(start)):
        return None
    try:
        content = _parse(read_text(files.paths[name]))
    except (DataError, ValueError, RecursionError) as error:
        first = _FIRST_LIST.match(start)
        if first and known_split(first["word"]):
            raise DataError(f"{name} must be JSON: {error}") from error
        return None
    return _entries(content, split, name, files)


def _parse(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return [json.loads(line) for line in text.splitlines() if line.strip()]


def _entries(
    content: Any, split: str | None, name: str, files: DataFiles, *, is_inner: bool = False
) -> Entries | None:
    if isinstance(content, list):
        return _of_records(content, split, name)
    if not isinstance(content, dict) or not content:
        return None
    # `{"train": "images/train"}` names folders, not photos.
    if not content.keys() <= SPLIT_WORDS.keys() and all(
        isinstance(word, str) and known_split(word) for word in content.values()
    ):
        return [(photo, split_of(word, name) or "") for photo, word in content.items()]
    if known_split(next(iter(content))):
        return _by_split(content, name, files)
    inner = [] if is_inner else [_entries(one, None, name, files, is_inner=True)
                                 for one in content.values() if isinstance(one, dict)]  # fmt: skip
    return next((entries for entries in inner if entries), None)


def _by_split(content: dict[str, Any], name: str, files: DataFiles) -> Entries | None:
    entries: Entries = []
    for word, photos in content.items():
        split = known_split(word)
        listed = _of_records(photos, split, name) if split else None
        if listed is None:
            # The values may be each split's size, settings or losses rather than its photos.
            if not any(_names_photos(value, files) for value in content.values()):
                return None
            raise DataError(
                f"{name} must have a list of photos for each of train, val and test. Found under "
                f"{word!r}: {json.dumps(photos)[:80]}"
            )
        entries += listed
    return entries


def _names_photos(value: Any, files: DataFiles) -> bool:
    """Returns whether a value is a list whose first element is or contains a photo's name."""
    if not isinstance(value, list) or not value:
        return False
    photo = _photo(value[0])
    return isinstance(photo, str) and is_photo(photo_path(photo), files)


def _photo(record: Any) -> Any:
    if not isinstance(record, dict):
        return record
    return next((record[field] for field in PHOTO if field in record), None)


def _of_records(records: Any, split: str | None, name: str) -> Entries | None:
    if not isinstance(records, list):
        return None
    entries: Entries = []
    for record in records:
        photo, word = _photo(record), None
        if not isinstance(photo, str | int):
            return None
        if isinstance(record, dict):
            if any(field in record for field in CAPTION):
                return None
            word = next((record[field] for field in SPLIT if field in record), None)
            # A file named after a split may contain other records, such as questions and answers.
            if word is None and len(record) > _MOST_FIELDS:
                return None
        its = split_of(str(word), f"{name}, {photo}") if word is not None else split
        if its is None:
            return None
        entries.append((str(photo), its))
    return entries
