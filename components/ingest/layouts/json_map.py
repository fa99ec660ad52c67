"""JSON objects that map photos to captions: `{"a.jpg": ["A dog runs.", …], "b.jpg": "A cat"}`."""

import json
import re
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Any

from pydantic import TypeAdapter, ValidationError

from components.errors import DataError
from components.ingest.files.data_files import IMAGE_SUFFIXES, DataFiles, is_hidden, photo_path
from components.ingest.files.names import Level
from components.ingest.layouts.caption_file import CaptionFile, CaptionRow, Layout
from components.ingest.layouts.split_words import known_split
from components.ingest.layouts.text import read_start, read_text

_START = 1 << 12
_FIRST = re.compile(
    r'\s*\{\s*(?P<photo>"(?:[^"\\]|\\.)+")\s*:\s*(?:"(?P<text>(?:[^"\\]|\\.)*)|\[\s*(?:"|\]))'
)
_ENTRIES = TypeAdapter(list[tuple[str, str | list[str | None] | None]])


def find(files: DataFiles) -> list[str]:
    """Returns the JSON files whose first key is a photo's name and whose first value is text."""
    return [
        name
        for name in files.paths
        if name.lower().endswith(".json") and not is_hidden(name) and is_map(name, files)
    ]


def is_map(name: str, files: DataFiles) -> bool:
    """Returns whether a file starts with an object whose first key is a photo's name."""
    return begins_as_map(read_start(files.paths[name], _START), files)


def begins_as_map(text: str, files: DataFiles) -> bool:
    """Returns whether a JSON text starts with an object whose first key is a photo's name."""
    found = _FIRST.match(text)
    # `{"a.jpg": "train"}` gives splits.
    if not found or (found["text"] and known_split(found["text"])):
        return False
    try:
        photo = photo_path(json.loads(found["photo"]))
    except ValueError:
        return False
    return is_photo(photo, files)


def is_photo(name: str, files: DataFiles) -> bool:
    """Returns whether a name has an image file extension, or matches a photo of the data set."""
    return PurePosixPath(name).suffix.lower() in IMAGE_SUFFIXES or any(
        PurePosixPath(file).suffix.lower() in IMAGE_SUFFIXES
        for file in files.index.ending_with(name, Level.ENDING)
    )


def read(name: str, files: DataFiles) -> CaptionFile:
    """Reads a file's captions.

    Args:
        name: The file's path below the data set.
        files: All files.

    Raises:
        DataError: If the file is broken, or a photo's captions are not text.
    """
    # Read as pairs, because a photo may occur twice.
    return CaptionFile("json-map", name, map_rows(load_json(name, files, list), name))


def load_json(name: str, files: DataFiles, pairs: Callable[[Any], Any] | None = None) -> Any:
    """Returns the content of a JSON file.

    Args:
        name: The file's path below the data set.
        files: All files.
        pairs: Converts an object's key-value pairs, see `json.loads`; None for a dict.

    Raises:
        DataError: If the file is not valid JSON.
    """
    try:
        return json.loads(read_text(files.paths[name]), object_pairs_hook=pairs)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{name} must be JSON: {error}") from error


def map_rows(content: Any, name: str) -> list[CaptionRow]:
    """Returns the captions in pairs of a photo and its caption or list of captions.

    Raises:
        DataError: If a photo's captions are not text.
    """
    try:
        entries = _ENTRIES.validate_python(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = first["loc"][0] if first["loc"] else 0
        entry = content[place] if isinstance(place, int) and content else content
        raise DataError(
            f'{name} must be {{"photo.jpg": ["…"]}}: a text or a list of texts for each photo. '
            f"Found: {str(entry)[:80]!r}"
        ) from error
    rows: list[CaptionRow] = []
    for key, captions in entries:
        photo = photo_path(key)
        if not photo:
            raise DataError(f"{name}: a photo's name must not be empty. Its captions: {captions!r}")
        texts = captions if isinstance(captions, list) else [captions]
        rows += [CaptionRow(photo, text or "") for text in texts or [""]]
    return rows


LAYOUT = Layout(
    name="json-map",
    looked_for='a .json of {"photo.jpg": ["…"], …}',
    find=find,
    read=read,
)
