"""Flickr data sets as Kaggle has them: `captions.txt`, a CSV, beside the folder `Images`."""

import csv
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

_HEADER = ["image", "caption"]


def find(files: Sequence[Path]) -> list[Path]:
    """Returns the caption files: each `captions.txt` whose first line is `image,caption`."""
    return [file for file in files if file.name.lower() == "captions.txt" and _has_header(file)]


def read(found: Sequence[Path], files: Sequence[Path]) -> Source:
    """Reads captions and image files; the layout has no split lists.

    Args:
        found: What `find` returned.
        files: All files of the data set.

    Returns:
        The source.

    Raises:
        DataError: If a line of the captions is broken, or there are several such files.
    """
    captions = _captions(only_one(found, "captions.txt"))
    return Source("kaggle", captions, {}, images_by_name(files, captions))


def _has_header(path: Path) -> bool:
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        # Bounded: nothing says yet that this is text with lines.
        return [field.strip().lower() for field in file.readline(100).split(",")] == _HEADER


def _captions(path: Path) -> dict[str, list[str]]:
    captions: dict[str, list[str]] = defaultdict(list)
    lines = numbered_lines(path)
    next(lines)  # the header
    for number, line in lines:
        # Line by line, so that one stray quote can't swallow the captions after it.
        try:
            name, *caption = next(csv.reader([line]))
        except csv.Error as error:
            raise DataError(f"{path.name}, line {number}: {error}") from error
        if not caption or not image_name(name):
            raise DataError(
                f"{path.name}, line {number}: must be an image's name, a comma and the caption. "
                f"Received: {line[:80]!r}"
            )
        # Captions with commas are not always quoted: the commas belong to them.
        captions[image_name(name)].append(",".join(caption))
    return dict(captions)


LAYOUT = Layout(
    name="kaggle",
    looked_for="captions.txt that begins with `image,caption` (the Kaggle layout)",
    find=find,
    read=read,
)
