"""A data set as it was found."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from components.ingest.splits.own_splits import OwnSplits


@dataclass(frozen=True, slots=True)
class Source:
    """A data set as it was found: no photo is checked yet, no caption is left out.

    Attributes:
        layout: The layout's name; several with commas between them.
        root: The folder that paths begin at.
        captions: Captions by photo id, in the order in which they stand in the data set.
        images: Files by photo id, for captioned photos that are there.
        uri: The address of `root` in a bucket, if the photos were left there; empty if `images` are
            files of this machine.
        uncaptioned: Other files that look like photos: their paths below the data set.
        splits: The data set's own splits.
        loose: Files by photo id, for photos whose file has only a similar name; see `matching`.
        notes: What else people should know of how the data set was read: sentences.
    """

    layout: str
    root: Path
    captions: Mapping[str, Sequence[str]]
    images: Mapping[str, Path]
    uri: str = ""
    uncaptioned: Sequence[str] = ()
    splits: OwnSplits = field(default_factory=OwnSplits)
    loose: Mapping[str, str] = field(default_factory=dict)
    notes: Sequence[str] = ()
