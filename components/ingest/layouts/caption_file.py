"""The interface of a layout's reader, and the result that all readers return."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import NamedTuple

from components.ingest.files.data_files import DataFiles


class CaptionRow(NamedTuple):
    """One caption.

    Attributes:
        photo: The photo's path as given in the data set, normalized by `photo_path`.
        caption: The raw caption; empty if the row has none.
    """

    photo: str
    caption: str


@dataclass(frozen=True, slots=True)
class CaptionFile:
    """A caption file as it was read, before any checks.

    Attributes:
        layout: The layout's name.
        path: The file's path below the data set.
        rows: Its captions, in file order.
        splits: `train`, `dev` or `test` by photo, for photos whose split the file gives.
        split_field: Description of where `splits` comes from, for messages.
        notes: Sentences about what was repaired or left out.
    """

    layout: str
    path: str
    rows: Collection[CaptionRow]
    splits: dict[str, str] = field(default_factory=dict)
    split_field: str = "the field `split`"
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Layout:
    """A way in which data sets store their captions.

    Attributes:
        name: The layout's name in the report.
        looked_for: Description of how the layout is recognised, for messages.
        find: Given all files of a data set, returns the paths of those with captions in this
            layout.
        read: Given such a path and all files, returns the captions.
    """

    name: str
    looked_for: str
    find: Callable[[DataFiles], list[str]]
    read: Callable[[str, DataFiles], CaptionFile]
