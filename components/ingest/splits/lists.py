"""Lists of the photos of each split: `Flickr_8k.trainImages.txt`, `train.txt`, and the like.

Also read: `splits.json` with a list of names under `train`, `val` and `test`, and tables with
columns for photo and split.
"""

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath

from components.errors import DataError
from components.ingest.files.data_files import DataFiles, is_hidden, photo_path
from components.ingest.layouts.csv_table import header_of, read, tables
from components.ingest.layouts.split_words import split_in_name, split_of
from components.ingest.layouts.text import numbered_lines, read_text

_SUFFIXES = (".txt", ".lst", ".list", ".csv")
_JSON_START = re.compile(rb'\W*"(?:train|training|val|valid|validation|dev|test)"\s*:\s*\[')
_LARGEST = 256 << 20
# More of them are no lists but a text for each photo.
_MOST = 50

Resolve = Callable[[str, str], list[str]]


@dataclass(frozen=True, slots=True)
class SplitList:
    """A file that lists photos of splits.

    Attributes:
        path: Its path below the data set.
        entries: Pairs of what it calls a photo, and the photo's split.
    """

    path: str
    entries: list[tuple[str, str]]


def find_split_lists(files: DataFiles, used: Iterable[str]) -> list[SplitList]:
    """Finds all files that look like lists of splits.

    Args:
        files: All files of the data set.
        used: Paths of files that were read otherwise, as captions.

    Raises:
        DataError: If one names a split that is none.
    """
    others = [name for name in files.paths if name not in set(used) and not is_hidden(name)]
    with_split_column = set(tables(files))
    found = []
    plain = [name for name in others if _is_list(name, files) and name not in with_split_column]
    for name in plain if len(plain) <= _MOST else ():
        split = split_in_name(PurePosixPath(name).stem)
        lines = [line.strip() for _, line in numbered_lines(files.paths[name])]
        found.append(SplitList(name, [(line, split) for line in lines if split]))
    for name in others:
        if name in with_split_column and header_of(files, name)[1].split is not None:
            found.append(SplitList(name, list(read(name, files).splits.items())))
        elif name.lower().endswith(".json") and _has_lists(name, files):
            found.append(SplitList(name, _json_entries(name, files)))
    return found


def _is_list(name: str, files: DataFiles) -> bool:
    return (
        name.lower().endswith(_SUFFIXES)
        and split_in_name(PurePosixPath(name).stem) is not None
        and 0 < files.paths[name].stat().st_size <= _LARGEST
    )


def _has_lists(name: str, files: DataFiles) -> bool:
    with files.paths[name].open("rb") as file:
        return _JSON_START.match(file.read(4096)) is not None


def _json_entries(name: str, files: DataFiles) -> list[tuple[str, str]]:
    try:
        content = json.loads(read_text(files.paths[name]))
    except (ValueError, RecursionError) as error:
        raise DataError(f"{name} must be JSON: {error}") from error
    entries = []
    for word, names in content.items() if isinstance(content, dict) else ():
        split = split_of(word, name)
        if split is None or not isinstance(names, list):
            raise DataError(f"{name}: each split must have a list of names. Found for {word!r}")
        entries += [(str(one), split) for one in names]
    return entries


def line_names(line: str) -> list[str]:
    """Returns what of a list's line may be a photo's name, the likeliest first."""
    without_number = re.sub(r"#\d+$", "", line)
    names = [line, without_number, *re.split(r"[\t,;]", line)[:1], *line.split()[:1]]
    return list(dict.fromkeys(path for name in names if (path := photo_path(name))))
