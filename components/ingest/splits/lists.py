"""Reads lists of the photos of each split: `Flickr_8k.trainImages.txt`, `train.txt` and the like.

Text files with a photo and its split on each line (`split.txt`), several forms of JSON (see
`json_lists`) and tables with columns for the photo and the split are also read.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath

from components.ingest.files.data_files import DataFiles, is_hidden, photo_path
from components.ingest.layouts.csv_table import header_of, read, tables
from components.ingest.layouts.split_words import (
    SPLIT_WORDS,
    is_called_after_splits,
    known_split,
    speaks_of_splits,
    split_in_name,
)
from components.ingest.layouts.text import numbered_lines
from components.ingest.splits.json_lists import json_entries

_SUFFIXES = (".txt", ".lst", ".list", ".csv")
_JSON_SUFFIXES = (".json", ".jsonl", ".ndjson")
_OTHER_SUFFIXES = (
    ".h5",
    ".mat",
    ".npy",
    ".npz",
    ".parquet",
    ".pkl",
    ".tsv",
    ".xlsx",
    ".yaml",
    ".yml",
)
_LARGEST = 256 << 20
# If there are more lists, they are text files for each photo or each class (`dog_train.txt`), and
# only those with exactly the name of a split are read.
_MOST = 50


@dataclass(frozen=True, slots=True)
class SplitList:
    """A file that lists the photos of splits.

    Attributes:
        path: The file's path below the data set.
        entries: Pairs of a photo's name in the file and its split.
    """

    path: str
    entries: list[tuple[str, str]]


def find_split_lists(files: DataFiles, used: Iterable[str], notes: list[str]) -> list[SplitList]:
    """Finds all files that look like lists of splits.

    Args:
        files: All files of the data set.
        used: Paths of files that were already read as captions.
        notes: Modified in place: a sentence is added for each file that is named after splits but
            can't be read.

    Raises:
        DataError: If a file is broken or contains an unknown split.
    """
    captions = set(used)
    others = [
        name
        for name in files.paths
        if name.lower().endswith((*_SUFFIXES, *_JSON_SUFFIXES, *_OTHER_SUFFIXES))
        and name not in captions
        and not is_hidden(name)
        and 0 < files.paths[name].stat().st_size <= _LARGEST
    ]
    with_split_column = set(tables(files))
    plain = [name for name in others if _is_list(name) and name not in with_split_column]
    if len(plain) > _MOST:
        plain = [name for name in plain if PurePosixPath(name).stem.lower() in SPLIT_WORDS]
    found = [_plain(name, files) for name in plain]
    for name in others:
        if name in with_split_column:
            if header_of(files, name)[1].split is not None:
                found.append(SplitList(name, list(read(name, files).splits.items())))
        elif name.lower().endswith(_JSON_SUFFIXES):
            if (entries := json_entries(name, files)) is not None:
                found.append(SplitList(name, entries))
            elif speaks_of_splits(PurePosixPath(name).stem):
                notes.append(_unread(name))
        elif is_called_after_splits(PurePosixPath(name).stem) and name not in plain:
            if name.lower().endswith(_SUFFIXES) and (entries := _line_by_line(name, files)):
                found.append(SplitList(name, entries))
            else:
                notes.append(_unread(name))
    return found


def _unread(name: str) -> str:
    return (
        f"{name} looks like a list of splits, but its format is not supported. Write the splits to "
        'splits.json: {"train": ["photo.jpg", …], "val": […], "test": […]}'
    )


def _is_list(name: str) -> bool:
    return name.lower().endswith(_SUFFIXES) and _split_in_stem(name) is not None


def _split_in_stem(name: str) -> str | None:
    return split_in_name(PurePosixPath(name).stem)


def _plain(name: str, files: DataFiles) -> SplitList:
    split = _split_in_stem(name)
    lines = [line.strip() for _, line in numbered_lines(files.paths[name])]
    return SplitList(name, [(line, split) for line in lines if split])


def _line_by_line(name: str, files: DataFiles) -> list[tuple[str, str]]:
    """Returns the entries of a text file with a photo and its split on each line; else empty."""
    entries = []
    for _, line in numbered_lines(files.paths[name]):
        photo, _, word = re.sub(r"[\s,;|:]+", " ", line.strip()).rpartition(" ")
        split = known_split(word.strip("\"'"))
        if not photo or split is None:
            return []
        entries.append((photo.strip("\"'"), split))
    return entries


def line_names(line: str) -> list[str]:
    """Returns the parts of a list's line that may be the photo's name, the likeliest first."""
    without_number = re.sub(r"#\d+$", "", line)
    names = [line, without_number, *re.split(r"[\t,;]", line)[:1], *line.split()[:1]]
    return list(dict.fromkeys(path for name in names if (path := photo_path(name))))
