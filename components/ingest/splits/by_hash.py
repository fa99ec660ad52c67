"""Which photo is in which split: by the data set's own lists, else by a hash of its content."""

import hashlib
from collections.abc import Collection, Mapping

from components.artifacts.manifest import SPLITS
from components.errors import DataError


def split_by_lists(
    image_ids: Collection[str], lists: Mapping[str, frozenset[str]]
) -> dict[str, str]:
    """Gives each photo the split whose list names it.

    A name in the list for train and in another one is left to the other: dev and test stay whole.

    Args:
        image_ids: Of all photos.
        lists: Image names by split; a split without a list stays empty.

    Returns:
        Splits by image id; photos that no list names are not in it.

    Raises:
        DataError: If a photo is in the lists of both dev and test.
    """
    dev, test = (lists.get(split, frozenset()) for split in ("dev", "test"))
    if both := sorted(dev & test & set(image_ids)):
        raise DataError(
            "A photo must not be in the lists of both dev and test. Received: "
            f"{len(both)} photos in both, such as {both[0]}. Remove them from one of the lists"
        )
    # Later splits win: train comes first.
    by_name = {name: split for split in SPLITS for name in lists.get(split, frozenset())}
    return {image_id: by_name[image_id] for image_id in image_ids if image_id in by_name}


def split_by_hash(
    digests: Mapping[str, str], *, seed: int, dev_share: float, test_share: float
) -> dict[str, str]:
    """Gives each photo a split that hangs on nothing but its bytes and the seed.

    The SHA-256 of seed and content, read as a number from 0 to 1, falls into the share of test,
    of dev or of train. So photos that come later move none of those that were there.

    Args:
        digests: SHA-256 of the files' bytes by image id.
        seed: Another seed, another split.
        dev_share: Expected share of dev, 0 to 1.
        test_share: Expected share of test, likewise.

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
    """Returns where a content's hash falls between 0 (included) and 1 (excluded)."""
    hashed = hashlib.sha256(f"{seed}:{digest}".encode()).digest()
    # 53 bits: as many as a float holds, so that no hash rounds up to 1.
    return (int.from_bytes(hashed[:8], "big") >> 11) / (1 << 53)


def split_sizes(splits: Mapping[str, str]) -> dict[str, int]:
    """Returns the number of photos in each of `SPLITS`."""
    return {split: sum(1 for one in splits.values() if one == split) for split in SPLITS}


def refuse_empty_split(splits: Mapping[str, str], origin: str) -> None:
    """Makes sure that every split has a photo.

    Args:
        splits: By image id.
        origin: Where the data set says which photo is in which split; empty if it does not.

    Raises:
        DataError: If a split is empty; names it and says what to do.
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
