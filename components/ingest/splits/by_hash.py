"""Assigns photos to splits, by the data set's own lists or by a hash of their content."""

import hashlib
from collections.abc import Collection, Mapping

from components.artifacts.manifest import SPLITS
from components.errors import DataError


def split_by_lists(
    image_ids: Collection[str], lists: Mapping[str, frozenset[str]]
) -> dict[str, str]:
    """Assigns each photo to the split whose list contains it.

    A photo that is listed for both train and another split goes to the other one, so that dev and
    test stay complete.

    Args:
        image_ids: Ids of all photos.
        lists: Image ids by split; a split without a list stays empty.

    Returns:
        Splits by image id, without photos that are in no list.

    Raises:
        DataError: If a photo is in the lists of both dev and test.
    """
    dev, test = (lists.get(split, frozenset()) for split in ("dev", "test"))
    if both := sorted(dev & test & set(image_ids)):
        raise DataError(
            "A photo must not be in the lists of both dev and test. Received: "
            f"{len(both)} photos in both, such as {both[0]}. Remove them from one of the lists"
        )
    # Later splits override earlier ones, and train comes first.
    by_name = {name: split for split in SPLITS for name in lists.get(split, frozenset())}
    return {image_id: by_name[image_id] for image_id in image_ids if image_id in by_name}


def split_by_hash(
    digests: Mapping[str, str], *, seed: int, dev_share: float, test_share: float
) -> dict[str, str]:
    """Assigns each photo to a split that depends only on its bytes and the seed.

    The SHA-256 of seed and content, scaled to a number from 0 to 1, falls into the interval of
    test, dev or train. So adding photos does not move existing ones to another split.

    Args:
        digests: SHA-256 of the files' bytes by image id.
        seed: Seed of the hash; a different seed gives different splits.
        dev_share: Expected share of photos in dev, 0 to 1.
        test_share: Expected share of photos in test, 0 to 1.

    Returns:
        Splits by image id.
    """
    splits = {}
    for image_id, digest in digests.items():
        place = hash_place(seed, digest)
        if place < test_share:
            splits[image_id] = "test"
        elif place < test_share + dev_share:
            splits[image_id] = "dev"
        else:
            splits[image_id] = "train"
    return splits


def hash_place(seed: int, digest: str) -> float:
    """Returns the hash of a seed and a content digest as a number in the interval [0, 1)."""
    hashed = hashlib.sha256(f"{seed}:{digest}".encode()).digest()
    # 53 bits, the precision of a float, so that no hash is rounded up to 1.
    return (int.from_bytes(hashed[:8], "big") >> 11) / (1 << 53)


def split_sizes(splits: Mapping[str, str]) -> dict[str, int]:
    """Returns the number of photos in each of `SPLITS`."""
    return {split: sum(1 for one in splits.values() if one == split) for split in SPLITS}


def refuse_empty_split(splits: Mapping[str, str], origin: str) -> None:
    """Checks that every split has at least one photo.

    Args:
        splits: Splits by image id.
        origin: Description of where the data set's own splits come from; empty if it has none.

    Raises:
        DataError: If a split is empty; the message names it and says what to do.
    """
    sizes = split_sizes(splits)
    empty = [split for split, size in sizes.items() if size == 0]
    if not empty:
        return
    sizes_said = ", ".join(f"{split} {size}" for split, size in sizes.items())
    advice = (
        f"The splits come from {origin}: add photos to each split there, or remove it entirely, "
        "and photos are split by a hash"
        if origin
        else "Add photos, or set dev_share and test_share so that each split gets some"
    )
    raise DataError(
        f"Every split must have at least one photo, but {' and '.join(empty)} "
        f"{'has' if len(empty) == 1 else 'have'} none: {sizes_said}. {advice}"
    )
