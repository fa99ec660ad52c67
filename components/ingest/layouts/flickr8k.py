"""Flickr8k as its authors published it, and data sets laid out like it."""

import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from components.errors import DataError
from components.ingest.layouts.source import (
    Layout,
    Source,
    image_name,
    images_by_name,
    numbered_lines,
    only_one,
)

_TOKENS = "flickr8k.token.txt"
_LINE = re.compile(r"(?P<name>[^\t]+)#\d+\t(?P<caption>.*)")
_LIST = re.compile(r"flickr_?8k\.(?P<split>train|dev|test)images\.txt", re.IGNORECASE)


def find(files: Sequence[Path]) -> list[Path]:
    """Returns the caption files: those named `Flickr8k.token.txt`."""
    return [file for file in files if file.name.lower() == _TOKENS]


def read(found: Sequence[Path], files: Sequence[Path]) -> Source:
    """Reads captions, split lists and image files.

    Args:
        found: What `find` returned.
        files: All files of the data set.

    Returns:
        The source; with split lists if there is at least one `Flickr_8k.…Images.txt`.

    Raises:
        DataError: If a line of the captions is broken, or a file stands twice.
    """
    captions = _captions(only_one(found, "Flickr8k.token.txt"))
    return Source("flickr8k", captions, _split_lists(files), images_by_name(files, captions))


def _captions(path: Path) -> dict[str, list[str]]:
    captions: dict[str, list[str]] = defaultdict(list)
    for number, line in numbered_lines(path):
        match = _LINE.fullmatch(line)
        if match is None:
            raise DataError(
                f"{path.name}, line {number}: must be an image's name, #, a number, a tab and "
                f"the caption. Received: {line[:80]!r}"
            )
        captions[image_name(match["name"])].append(match["caption"])
    return dict(captions)


def _split_lists(files: Sequence[Path]) -> dict[str, frozenset[str]]:
    found: dict[str, list[Path]] = defaultdict(list)
    for file in files:
        if match := _LIST.fullmatch(file.name):
            found[match["split"].lower()].append(file)
    return {
        split: frozenset(
            image_name(line) for _, line in numbered_lines(only_one(paths, f"list for {split}"))
        )
        for split, paths in found.items()
    }


LAYOUT = Layout(
    name="flickr8k",
    looked_for="Flickr8k.token.txt (Flickr8k's original layout)",
    find=find,
    read=read,
)
