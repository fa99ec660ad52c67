"""What the reader of every layout returns."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from components.ingest.files.data_files import DataFiles


class CaptionRow(NamedTuple):
    """One caption.

    Attributes:
        photo: The photo's path as the data set writes it, in the spelling of `photo_path`.
        caption: As people wrote it; empty if the row has none.
    """

    photo: str
    caption: str


@dataclass(frozen=True, slots=True)
class CaptionFile:
    """A file of captions as it was read: nothing is checked yet, nothing is left out.

    Attributes:
        layout: The layout's name.
        path: The file's path below the data set.
        rows: Its captions, in their order.
        splits: `train`, `dev` or `test` by photo, for photos whose split the file gives.
        split_field: What gives them, in words.
        notes: What was mended or left out, in sentences.
    """

    layout: str
    path: str
    rows: Sequence[CaptionRow]
    splits: dict[str, str] = field(default_factory=dict)
    split_field: str = "the field `split`"
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Layout:
    """A way in which data sets keep their captions.

    Attributes:
        name: As in the report.
        looked_for: What marks the layout, in words.
        find: From all files of a data set, the paths of those with captions in this layout.
        read: From such a path, and all files, its captions.
    """

    name: str
    looked_for: str
    find: Callable[[DataFiles], list[str]]
    read: Callable[[str, DataFiles], CaptionFile]
