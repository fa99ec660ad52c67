"""Assigns photos to train, dev and test, and drops copies of dev and test photos from train."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from components.ingest.splits.by_hash import (
    refuse_empty_split,
    split_by_hash,
    split_by_lists,
    split_sizes,
)
from components.ingest.splits.leakage import Leak, find_leakage, find_parent_leakage
from components.ingest.splits.own_splits import OwnSplits, take_dev_from_train

if TYPE_CHECKING:
    from components.artifacts.training_photos import TrainingPhotos

logger = logging.getLogger(__name__)

#: The origin, in messages, of splits that the data set does not define itself.
BY_HASH = "a hash of each photo's content"


@dataclass(frozen=True, slots=True)
class SplitAssignment:
    """The split of each photo.

    Attributes:
        splits: Splits by image id, for each photo that is in a split.
        leaks: Photos dropped from train, with the photos in dev or test that they equal.
        unlisted: Ids of photos that are in none of the data set's own splits.
        origin: Description of where the splits come from.
        parent_leaks: Ids of photos dropped from dev and test, because the parent model was trained
            on them.
    """

    splits: dict[str, str]
    leaks: list[Leak]
    unlisted: list[str]
    origin: str
    parent_leaks: list[str] = field(default_factory=list)


def assign_splits(
    digests: Mapping[str, str],
    own: OwnSplits,
    *,
    seed: int,
    dev_share: float,
    test_share: float,
    parent: "TrainingPhotos | None" = None,
) -> SplitAssignment:
    """Assigns photos to the data set's own splits or, if it has none, to splits by content hash.

    If the data set has only train and test, dev is taken from train by content hash.

    Args:
        digests: SHA-256 of the files' bytes by image id.
        own: The data set's own splits; empty if it has none.
        seed: Seed of the hash.
        dev_share: Expected share of photos in dev if assigned by hash, 0 to 1; if dev is taken from
            train, a share of train's photos.
        test_share: Expected share of photos in test if assigned by hash, 0 to 1.
        parent: The training photos of the model that the training continues from; None if there is
            no such model.

    Returns:
        The assignment, with at least one photo in each split.

    Raises:
        DataError: If a split is empty, or the data set's lists contradict each other.
    """
    own = take_dev_from_train(own, digests, seed=seed, dev_share=dev_share)
    if own.lists:
        splits = split_by_lists(digests, own.lists)
    else:
        splits = split_by_hash(digests, seed=seed, dev_share=dev_share, test_share=test_share)
    unlisted = sorted(digests.keys() - splits.keys())
    # Photos listed for both train and another split are leaks, too.
    leaks = [
        Leak(image_id=image_id, same_as=image_id, split=split)
        for image_id, split in sorted(splits.items())
        if split != "train" and image_id in own.lists.get("train", frozenset())
    ]
    copies = find_leakage(splits, digests)
    for copy in copies:
        del splits[copy["image_id"]]
    parent_leaks = find_parent_leakage(splits, digests, parent) if parent else []
    for image_id in parent_leaks:
        del splits[image_id]
    refuse_empty_split(splits, own.origin)
    origin = own.origin or BY_HASH
    logger.info(
        "Splits from %s: %s",
        origin,
        ", ".join(f"{split} {size}" for split, size in split_sizes(splits).items()),
    )
    return SplitAssignment(splits, leaks + copies, unlisted, origin, parent_leaks)
