"""The same picture twice: harmless within a split, leakage between two."""

from collections import defaultdict
from collections.abc import Mapping
from typing import TypedDict

_HELD_OUT = ("dev", "test")


class Leak(TypedDict):
    """A photo that was dropped from train.

    Attributes:
        image_id: The photo.
        same_as: A photo in dev or test with the same bytes.
        split: That photo's split.
    """

    image_id: str
    same_as: str
    split: str


def find_leakage(splits: Mapping[str, str], digests: Mapping[str, str]) -> list[Leak]:
    """Finds the photos of train whose bytes are in dev or test too.

    Args:
        splits: By image id.
        digests: SHA-256 of the files' bytes by image id.

    Returns:
        What has to leave train, ordered by image id. Dev and test stay whole, so that scores
        compare.
    """
    held_out = {
        digests[image_id]: image_id
        for image_id, split in sorted(splits.items(), reverse=True)
        if split in _HELD_OUT
    }
    return [
        Leak(image_id=image_id, same_as=same_as, split=splits[same_as])
        for image_id, split in sorted(splits.items())
        if split == "train" and (same_as := held_out.get(digests[image_id]))
    ]


def find_duplicates(splits: Mapping[str, str], digests: Mapping[str, str]) -> list[list[str]]:
    """Returns groups of image ids with the same bytes, within a split or between dev and test."""
    groups: dict[str, list[str]] = defaultdict(list)
    for image_id in sorted(splits):
        groups[digests[image_id]].append(image_id)
    return [group for group in groups.values() if len(group) > 1]
