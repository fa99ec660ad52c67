"""Finds identical photos, which are leakage if they are in train and also in dev or test."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypedDict

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from components.artifacts.training_photos import TrainingPhotos


_HELD_OUT = ("dev", "test")


class Leak(TypedDict):
    """A photo that was dropped from train.

    Attributes:
        image_id: The dropped photo.
        same_as: A photo in dev or test with the same bytes.
        split: That photo's split.
    """

    image_id: str
    same_as: str
    split: str


def find_leakage(splits: Mapping[str, str], digests: Mapping[str, str]) -> list[Leak]:
    """Finds photos in train with the same bytes as a photo in dev or test.

    Args:
        splits: Splits by image id.
        digests: SHA-256 of the files' bytes by image id.

    Returns:
        The photos to drop from train, ordered by image id. Dev and test stay complete, so that
        scores remain comparable.
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


def find_parent_leakage(
    splits: Mapping[str, str], digests: Mapping[str, str], parent: "TrainingPhotos"
) -> list[str]:
    """Finds photos in dev or test that the parent model was trained on.

    The parent is the model that the training continues from. Photos of its dev split, which only
    served to choose the best epoch, may be in dev again, but not in test.

    Args:
        splits: Splits by image id.
        digests: SHA-256 of the files' bytes by image id.
        parent: The parent's training photos.

    Returns:
        The ids of the photos to drop from dev and test.
    """
    not_allowed = {"dev": parent.all - parent.dev, "test": parent.all, "train": frozenset()}
    return [
        image_id
        for image_id, split in sorted(splits.items())
        if digests[image_id] in not_allowed[split]
    ]


def find_duplicates(image_ids: Sequence[str], digests: NDArray[np.bytes_]) -> list[list[str]]:
    """Returns groups of image ids whose files have the same bytes.

    Args:
        image_ids: Ids of N photos, ascending.
        digests: SHA-256 of their files' bytes, texts of shape [N].
    """
    _, first, group, sizes = np.unique(
        digests, return_index=True, return_inverse=True, return_counts=True
    )
    groups: dict[int, list[str]] = defaultdict(list)
    for place in np.flatnonzero(sizes[group] > 1).tolist():
        groups[int(first[group[place]])].append(image_ids[place])
    return list(groups.values())
