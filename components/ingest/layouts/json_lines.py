"""JSON Lines, the layout recommended for users' own data: one record per line.

A record is `{"image": …, "captions": […], "split": …}`.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from components.errors import DataError
from components.ingest.files.data_files import IMAGE_SUFFIXES, DataFiles, is_hidden, photo_path
from components.ingest.layouts.caption_file import CaptionFile, CaptionRow, Layout
from components.ingest.layouts.caption_rows import CaptionRows
from components.ingest.layouts.fields import CAPTION, PHOTO, SPLIT
from components.ingest.layouts.list_cells import split_list
from components.ingest.layouts.split_fields import SplitFields, with_split_field
from components.ingest.layouts.split_words import note_split
from components.ingest.layouts.text import first_line, numbered_lines, read_start, read_text

_SUFFIXES = (".jsonl", ".ndjson", ".jsonlines", ".json", ".txt")
# Files with a numeric `image_id` are results in COCO's format: they contain a model's captions.
_PHOTO_FIELD = re.compile(
    rf'"(?:{"|".join(name for name in PHOTO if name != "image_id")})"\s*:'
    rf'|"image_id"\s*:\s*"[^"]+(?:{"|".join(map(re.escape, sorted(IMAGE_SUFFIXES)))})"',
    re.IGNORECASE,
)
_CAPTION_FIELD = re.compile(rf'"(?:{"|".join(CAPTION)})"\s*:')
_COCO_FIELD = re.compile(r'"(?:annotations|images)"\s*:')


def _as_list(value: Any) -> Any:
    if value is None:
        return []
    return split_list(value) if isinstance(value, str) else value


class Record(BaseModel):
    """A photo with its captions; other fields are in `model_extra`."""

    model_config = ConfigDict(coerce_numbers_to_str=True, extra="allow")

    image: Annotated[str, Field(validation_alias=AliasChoices(*PHOTO))]
    captions: Annotated[
        list[str | None],
        BeforeValidator(_as_list),
        Field(validation_alias=AliasChoices("captions", *CAPTION)),
    ]
    split: Annotated[str | None, Field(validation_alias=AliasChoices(*SPLIT))] = None


def find(files: DataFiles) -> list[str]:
    """Returns the files that begin with a JSON object with a photo and its captions."""
    return [
        name
        for name in files.paths
        if name.lower().endswith(_SUFFIXES)
        and not is_hidden(name)
        and is_record(_start(files.paths[name]))
    ]


def _start(path: Path) -> str:
    # A list of records may span several lines.
    line = first_line(path, 1 << 16).strip()
    return " ".join(read_start(path, 1 << 16).split()) if line in ("[", "[{") else line


def _records(name: str, files: DataFiles) -> Iterator[tuple[str, str]]:
    """Yields each record's position, as text for messages, and its JSON."""
    path = files.paths[name]
    if not first_line(path).lstrip().startswith("["):
        for number, line in numbered_lines(path):
            yield f"{name}, line {number}", line
        return
    try:
        content = json.loads(read_text(path))
    except (ValueError, RecursionError) as error:
        raise DataError(f"{name} must be a JSON list of records: {error}") from error
    for number, record in enumerate(content, start=1):
        yield f"{name}, record {number}", json.dumps(record)


def is_record(line: str) -> bool:
    """Returns whether a line looks like a record, even if it is truncated or malformed."""
    return record_depth(line) == 1


def record_depth(text: str) -> int:
    """Returns the nesting depth of the first record's photo field.

    Args:
        text: The beginning of a JSON text.

    Returns:
        1 for a record or a list of them, 2 for `{"data": [record, …]}`; 0 if there is no record.
    """
    if not re.match(r"\[?\s*\{", text) or _COCO_FIELD.search(text):
        return 0
    photo = _PHOTO_FIELD.search(text)
    if photo is None or not _CAPTION_FIELD.search(text):
        return 0
    before = text[: photo.start()]
    return before.count("{") - before.count("}")


def read(name: str, files: DataFiles) -> CaptionFile:
    """Reads a file's captions and splits.

    Args:
        name: The file's path below the data set.
        files: All files.

    Raises:
        DataError: If a line is broken, or a photo has two different splits.
    """
    rows = CaptionRows()
    splits: dict[str, str] = {}
    others = SplitFields()
    for where, line in _records(name, files):
        photo, captions, record = read_record(line, where)
        rows.extend(CaptionRow(photo, caption) for caption in captions)
        note_split(splits, photo, record.split, where)
        others.add(photo, record.model_extra or {})
    return with_split_field(CaptionFile("json-lines", name, rows, splits), others)


def read_record(line: str, where: str) -> tuple[str, list[str], Record]:
    """Reads a record.

    Args:
        line: The record's JSON.
        where: The file and the position in it, for the message.

    Returns:
        The photo, its captions (a single empty one if there are none), and the record.

    Raises:
        DataError: If the record is broken.
    """
    try:
        record = Record.model_validate_json(line)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"]))
        raise DataError(
            f'{where}: must be {{"image": "photo.jpg", "captions": ["…"]}}. '
            f"{f'{field}: ' if field else ''}{first['msg']}. Found: {line[:80]!r}"
        ) from error
    photo = photo_path(record.image)
    if not photo:
        raise DataError(f"{where}: the photo's name must not be empty. Found: {line[:80]!r}")
    return photo, [caption or "" for caption in record.captions or [""]], record


LAYOUT = Layout(
    name="json-lines",
    looked_for='a .jsonl of {"image": "photo.jpg", "captions": ["…"], "split": "train"} a line',
    find=find,
    read=read,
)
