"""The same scene twice, in train and in a split that is scored: nearly as good as leakage.

Such photos are not dropped: which of two alike is no copy, people have to say. They are counted, so
that a score that owes something to them can be told.
"""

from collections.abc import Mapping
from typing import TypedDict

import numpy as np

# Bits of 64. Of Flickr8k's 24 million pairs none is as near, the nearest by chance has 8; and what
# was made smaller, grey, or saved anew at JPEG quality 30 is 4 away at most (of 200 photos).
_NEAR = 6


class NearDuplicate(TypedDict):
    """A photo of train that looks like a photo of dev or test.

    Attributes:
        image_id: The photo of train.
        like: The photo of the other split.
        split: That photo's split.
        distance: Bits of their perceptual hashes that differ, of 64.
    """

    image_id: str
    like: str
    split: str
    distance: int


def find_near_duplicates(
    splits: Mapping[str, str], looks: Mapping[str, str]
) -> list[NearDuplicate]:
    """Finds photos of train that look like one of dev or test.

    They are compared by their perceptual hashes (`imagehash.phash`: the signs of the lowest
    frequencies, as in Zauner, 2010, "Implementation and Benchmarking of Perceptual Image Hash
    Functions"), of which at most 6 of 64 bits differ. What was mirrored, turned or cropped by more
    than an edge is not found.

    Args:
        splits: By image id.
        looks: Perceptual hashes by image id, 16 hex digits each.

    Returns:
        All such pairs, the photos of dev and test in the order of their ids, the nearest first.
    """
    train = sorted(image_id for image_id, split in splits.items() if split == "train")
    hashes = np.array([int(looks[image_id], 16) for image_id in train], np.uint64)
    found = []
    for image_id, split in sorted(splits.items()):
        if split == "train":
            continue
        distances = np.bitwise_count(hashes ^ np.uint64(int(looks[image_id], 16)))
        near = np.flatnonzero(distances <= _NEAR)
        found += [
            NearDuplicate(
                image_id=train[row], like=image_id, split=split, distance=int(distances[row])
            )
            for row in near[np.argsort(distances[near], kind="stable")]
        ]
    return found
