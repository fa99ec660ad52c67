"""What columns and fields are called that hold a photo's name, its captions and its split."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

# The first that is there counts: a table may have an `image_id` beside its `file_name`.
PHOTO = (
    "file_name", "filename", "image", "image_name", "image_file", "image_filename", "img",
    "img_name", "photo", "photo_name", "file", "image_path", "img_path", "filepath", "path",
    "image_id",
)  # fmt: skip
# `raw` is what Flickr30k's table of annotations on Hugging Face calls its captions.
CAPTION = (
    "caption", "captions", "caption_text", "image_caption", "comment", "comments", "text",
    "caption_str", "sentence", "sentences", "description", "raw",
)  # fmt: skip
SPLIT = ("split", "set", "subset", "partition")
_NUMBERED = re.compile(r"(?:caption|comment|sentence|text)_?\d+")


@dataclass(frozen=True, slots=True)
class Columns:
    """Where the fields of a record are, counted from 0.

    Attributes:
        photo: The photo's name.
        captions: Its captions, one or more; none in a table of splits.
        split: Its split; None if there is no such column.
        count: How many columns there are.
    """

    photo: int
    captions: tuple[int, ...]
    split: int | None
    count: int

    def after_row_names(self) -> "Columns":
        """Returns the columns of a table whose rows begin with a field that has no header."""
        split = None if self.split is None else self.split + 1
        captions = tuple(place + 1 for place in self.captions)
        return Columns(self.photo + 1, captions, split, self.count + 1)


def find_columns(header: Sequence[str]) -> Columns | None:
    """Tells the columns of a table from its header; columns of other names do not matter.

    Returns:
        The columns; None if none is called as a photo's, or none as captions' or splits'.
    """
    names = [re.sub(r"[ .-]+", "_", name.strip().strip("\ufeff\"'").lower()) for name in header]
    photo = _first(names, PHOTO)
    first = _first(names, CAPTION)
    # Of several columns of one name, pandas calls the second `caption.1`.
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
