"""Photos divided into train, dev and test, with nothing of dev or test left in train."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from components.ingest.leakage import Leak, find_leakage
from components.ingest.own_splits import OwnSplits
from components.ingest.splits import (
    refuse_empty_split,
    split_by_hash,
    split_by_lists,
    split_sizes,
)

logger = logging.getLogger(__name__)

#: Where splits come from that the data set does not bring.
BY_HASH = "a hash of each photo's content"


@dataclass(frozen=True, slots=True)
class Division:
    """Where each photo went.

    Attributes:
        splits: By image id, for each photo that is in a split.
        leaks: What was dropped from train.
        unlisted: Ids of photos that the data set's own splits leave out.
    """

    splits: dict[str, str]
    leaks: list[Leak]
    unlisted: list[str]


def divide_photos(
    digests: Mapping[str, str],
    own: OwnSplits,
    *,
    seed: int,
    dev_share: float,
    test_share: float,
) -> Division:
    """Divides photos by the data set's own splits, or by a hash of content if there are none.

    Args:
        digests: SHA-256 of the files' bytes by image id.
        own: The data set's own splits, if it has any.
        seed: Of the hash.
        dev_share: Expected share of dev by hash, 0 to 1.
        test_share: Expected share of test by hash, likewise.

    Returns:
        The division. Each split has a photo.

    Raises:
        DataError: If a split stays empty, or lists contradict each other.
    """
    if own.lists:
        splits = split_by_lists(digests, own.lists)
    else:
        splits = split_by_hash(digests, seed=seed, dev_share=dev_share, test_share=test_share)
    unlisted = sorted(digests.keys() - splits.keys())
    # A name that stands in train's list and in another is the plainest leak.
    leaks = [
        Leak(image_id=image_id, same_as=image_id, split=split)
        for image_id, split in sorted(splits.items())
        if split != "train" and image_id in own.lists.get("train", frozenset())
    ]
    copies = find_leakage(splits, digests)
    for copy in copies:
        del splits[copy["image_id"]]
    refuse_empty_split(splits, own.origin)
    logger.info(
        "splits from %s: %s",
        own.origin or BY_HASH,
        ", ".join(f"{split} {size}" for split, size in split_sizes(splits).items()),
    )
    return Division(splits, leaks + copies, unlisted)
