"""JSON in which captions are nested one level deeper.

- By split: `{"train": {"a.jpg": ["…"]}, "val": {…}}`, or with lists of records instead of maps.
- By photo: `{"a.jpg": {"captions": ["…"], "split": "train"}, …}`.
- Next to the data set's metadata: `{"version": 1, "data": [{"image": "a.jpg", "caption": "…"}]}`,
  as in TextCaps.
"""

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from components.ingest.files.data_files import DataFiles, is_hidden, photo_path
from components.ingest.layouts.caption_file import CaptionFile, CaptionRow, Layout
from components.ingest.layouts.fields import CAPTION, PHOTO
from components.ingest.layouts.json_lines import read_record, record_depth
from components.ingest.layouts.json_map import begins_as_map, is_photo, load_json, map_rows
from components.ingest.layouts.split_fields import SplitFields, with_split_field
from components.ingest.layouts.split_words import known_split, note_split
from components.ingest.layouts.text import read_start

_START = 1 << 16
_OBJECT = re.compile(r'"(?P<name>[^"\\]{1,200})"\s*:\s*(?P<value>\{)')
_PHOTOS = frozenset(PHOTO) - {"image_id"}
# An object with the captions of one photo, optionally preceded by its split.
_INNER_FIELDS = re.compile(rf'\{{\s*(?:"split"\s*:\s*"[^"]*"\s*,\s*)?"(?:{"|".join(CAPTION)})"\s*:')


def find(files: DataFiles) -> list[str]:
    """Returns the JSON files with captions nested one level deeper."""
    return [
        name
        for name in files.paths
        if name.lower().endswith(".json") and not is_hidden(name) and is_nested(name, files)
    ]


def is_nested(name: str, files: DataFiles) -> bool:
    """Returns whether a file starts like JSON with captions nested one level deeper."""
    start = " ".join(read_start(files.paths[name], _START).removeprefix("\ufeff").split())
    if record_depth(start) == 2:
        return True
    for key in _OBJECT.finditer(start):
        if known_split(key["name"]):
            return begins_as_map(start[key.start("value") :], files)
    first = _OBJECT.search(start)
    return (
        first is not None
        # COCO's `info` has a field `description`, too, which is also a usual name for captions.
        and is_photo(photo_path(first["name"]), files)
        and _INNER_FIELDS.match(start, first.start("value")) is not None
    )


def read(name: str, files: DataFiles) -> CaptionFile:
    """Reads a file's captions and splits.

    Args:
        name: The file's path below the data set.
        files: All files.

    Raises:
        DataError: If the file is broken, or a photo has two different splits.
    """
    rows: list[CaptionRow] = []
    splits: dict[str, str] = {}
    others = SplitFields()
    words: list[str] = []
    # Objects become `_Pairs`, because a photo may occur twice in a map.
    for word, part in _parts(load_json(name, files, _Pairs)):
        where = f"{name}, {word}" if word else name
        words += [f"`{word}`"] if word else []
        if isinstance(part, _Pairs) and not _are_records(value for _, value in part):
            found = map_rows(part, where)
            for row in found:
                note_split(splits, row.photo, word, where)
            rows += found
            continue
        for number, record in enumerate(_records(part), start=1):
            photo, captions, fields = read_record(record, f"{where}, record {number}")
            rows += [CaptionRow(photo, caption) for caption in captions]
            note_split(splits, photo, fields.split or word, f"{where}, {photo}")
            others.add(photo, fields.model_extra or {})
    field = f"the keys {', '.join(words)}" if words else "the field `split`"
    return with_split_field(CaptionFile("json-nested", name, rows, splits, field), others)


class _Pairs(list[tuple[str, Any]]):
    """The key-value pairs of a JSON object."""


def _parts(content: Any) -> Iterator[tuple[str | None, Any]]:
    """Yields maps and lists of records, each with the split it is nested under, if any."""
    if not isinstance(content, _Pairs) or not content:
        return
    if known_split(content[0][0]):
        yield from content
    elif _are_records(value for _, value in content):
        yield None, content
    else:
        for _, value in content:
            if isinstance(value, _Pairs) and value and known_split(value[0][0]):
                yield from value
            elif isinstance(value, list) and not isinstance(value, _Pairs) and _are_records(value):
                yield None, value


def _are_records(values: Iterable[Any]) -> bool:
    first = next(iter(values), None)
    return isinstance(first, _Pairs)


def _records(part: Any) -> Iterator[str]:
    """Yields records as JSON; a record without a photo field gets its key as the photo."""
    if isinstance(part, _Pairs):
        for key, value in part:
            record = dict(value) if isinstance(value, _Pairs) else {CAPTION[0]: value}
            yield json.dumps(record if _PHOTOS & record.keys() else {PHOTO[0]: key, **record})
        return
    for record in part if isinstance(part, list) else [part]:
        yield json.dumps(dict(record) if isinstance(record, _Pairs) else record)


LAYOUT = Layout(
    name="json-nested",
    looked_for='a .json of {"train": {"photo.jpg": ["…"]}, "val": …}',
    find=find,
    read=read,
)
