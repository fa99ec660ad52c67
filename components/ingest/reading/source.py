"""A data set as it was read, before any checks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from components.ingest.splits.own_splits import OwnSplits


@dataclass(frozen=True, slots=True)
class Source:
    """A data set as it was read: no photo has been checked and no caption dropped.

    Attributes:
        layout: The layout's name; several names are separated by commas.
        root: The folder that paths are relative to.
        captions: Captions by photo id, in the order of the data set.
        images: Files by photo id, for captioned photos that exist.
        uri: The URI of `root` in a bucket, if the photos were left there; empty if `images` are
            local files.
        versions: For each of those photos by photo id, its size and checksum, as the bucket lists
            them: a text that changes with its content.
        uncaptioned: Other files that look like photos, as paths below the data set.
        splits: The data set's own splits.
        loose: Files by photo id, for photos that were only matched loosely; see `matching`.
        notes: Sentences that tell the user what else is notable about how the data set was read.
    """

    layout: str
    root: Path
    captions: Mapping[str, Sequence[str]]
    images: Mapping[str, Path]
    uri: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    uncaptioned: Sequence[str] = ()
    splits: OwnSplits = field(default_factory=OwnSplits)
    loose: Mapping[str, str] = field(default_factory=dict)
    notes: Sequence[str] = ()
