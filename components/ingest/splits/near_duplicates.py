"""Finds near duplicates: photos in train that look like a photo in dev or test.

They inflate scores almost as much as leakage. But only a person can decide whether similar photos
are copies, so they are reported and not dropped.
"""

from collections.abc import Mapping
from typing import TypedDict

import numpy as np

# In bits, out of 64. Measured: the closest of Flickr8k's 24 million pairs of different photos
# differ in 8; resized, greyscale or recompressed (JPEG quality 30) versions of 200 photos differ in
# at most 4.
_MAX_DISTANCE = 6


class NearDuplicate(TypedDict):
    """A photo in train that looks like a photo in dev or test.

    Attributes:
        image_id: The photo in train.
        similar_to: The photo in dev or test.
        split: That photo's split.
        distance: Hamming distance of their perceptual hashes, in bits out of 64.
    """

    image_id: str
    similar_to: str
    split: str
    distance: int


def find_near_duplicates(
    splits: Mapping[str, str], perceptual_hashes: Mapping[str, str]
) -> list[NearDuplicate]:
    """Finds photos in train that look like a photo in dev or test.

    Photos are near duplicates if their perceptual hashes differ in at most 6 of 64 bits
    (`imagehash.phash`: signs of the lowest DCT frequencies; Zauner, 2010, "Implementation and
    Benchmarking of Perceptual Image Hash Functions"). Mirrored, rotated and strongly cropped copies
    are not detected.

    Args:
        splits: Splits by image id.
        perceptual_hashes: 16 hex digits by image id.

    Returns:
        All such pairs, ordered by the id of the photo in dev or test, then by distance.
    """
    train = sorted(image_id for image_id, split in splits.items() if split == "train")
    numbers = (int(perceptual_hashes[image_id], 16) for image_id in train)
    hashes = np.fromiter(numbers, np.uint64, len(train))
    pairs = []
    for image_id, split in sorted(splits.items()):
        if split == "train":
            continue
        distances = np.bitwise_count(hashes ^ np.uint64(int(perceptual_hashes[image_id], 16)))
        near = np.flatnonzero(distances <= _MAX_DISTANCE)
        pairs += [
            NearDuplicate(
                image_id=train[row],
                similar_to=image_id,
                split=split,
                distance=int(distances[row]),
            )
            for row in near[np.argsort(distances[near], kind="stable")]
        ]
    return pairs
