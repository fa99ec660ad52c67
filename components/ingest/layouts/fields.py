"""Usual names of the columns and fields for a photo's name, its captions and its split."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

# The first one present is used: a table may have an `image_id` as well as a `file_name`.
PHOTO = (
    "file_name", "filename", "image", "image_name", "image_file", "image_filename", "img",
    "img_name", "photo", "photo_name", "file", "image_path", "img_path", "filepath", "path",
    "image_id",
)  # fmt: skip
# `raw` is the name of the captions in Flickr30k's annotation table on Hugging Face.
CAPTION = (
    "caption", "captions", "caption_text", "image_caption", "comment", "comments", "text",
    "caption_str", "sentence", "sentences", "description", "raw",
)  # fmt: skip
SPLIT = ("split", "set", "subset", "partition")
_NUMBERED = re.compile(r"(?:caption|comment|sentence|text)_?\d+")


@dataclass(frozen=True, slots=True)
class Columns:
    """The positions of a record's fields, counted from 0.

    Attributes:
        photo: Position of the photo's name.
        captions: Positions of its captions; empty for a table of splits.
        split: Position of its split; None if there is no such column.
        count: Number of columns.
    """

    photo: int
    captions: tuple[int, ...]
    split: int | None
    count: int

    def after_row_names(self) -> "Columns":
        """Returns the columns of a table whose rows have an extra first field without a header."""
        split = None if self.split is None else self.split + 1
        captions = tuple(place + 1 for place in self.captions)
        return Columns(self.photo + 1, captions, split, self.count + 1)


def find_columns(header: Sequence[str]) -> Columns | None:
    """Finds the columns of a table by its header; columns with other names are ignored.

    Returns:
        The columns; None if there is no column for photos, or none for captions or splits.
    """
    names = [re.sub(r"[ .-]+", "_", name.strip().strip("\ufeff\"'").lower()) for name in header]
    photo = _first(names, PHOTO)
    first = _first(names, CAPTION)
    # pandas renames the second of two columns with the same name to `caption.1`.
    captions = [
        place
        for place, name in enumerate(names)
        if _NUMBERED.fullmatch(name) or (first is not None and name == names[first])
    ]
    split = _first(names, SPLIT)
    if photo is None or (not captions and split is None):
        return None
    return Columns(photo, tuple(captions), split, len(names))


def _first(names: Sequence[str], wanted: Sequence[str]) -> int | None:
    return next((names.index(name) for name in wanted if name in names), None)
