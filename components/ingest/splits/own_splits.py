"""Chooses the data set's own splits from all sources of splits in it."""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from components.ingest.splits.by_hash import hash_place


@dataclass(frozen=True, slots=True)
class SplitSource:
    """A source of splits in a data set, such as a field, a list or the names of folders.

    Attributes:
        origin: Description of the source.
        lists: Photo ids by split.
        is_binding: Whether the source names photos one by one. Then it may be used even if it gives
            only one split; see `own_splits`.
    """

    origin: str
    lists: Mapping[str, Collection[str]]
    is_binding: bool

    @property
    def splits(self) -> dict[str, str]:
        """Splits by photo id; if a photo is in several, test overrides dev, and dev train."""
        return {
            photo: split
            for split in ("train", "dev", "test")
            for photo in self.lists.get(split, ())
        }


@dataclass(frozen=True, slots=True)
class OwnSplits:
    """A data set's own splits.

    Attributes:
        lists: Photo ids by split; empty if there are no usable splits.
        origin: Description of where they come from; empty if there are none.
        notes: Sentences about sources of splits that were not used, with the reason.
    """

    lists: dict[str, frozenset[str]] = field(default_factory=dict)
    origin: str = ""
    notes: tuple[str, ...] = ()


def take_dev_from_train(
    own: OwnSplits, digests: Mapping[str, str], *, seed: int, dev_share: float
) -> OwnSplits:
    """Adds a dev split, taken from train by hash, to splits that have only train and test.

    Test is unchanged, so that scores can be compared with published ones.

    Args:
        own: The data set's own splits.
        digests: SHA-256 of the files' bytes by photo id.
        seed: Seed of the hash.
        dev_share: Expected share of train's photos that become dev, 0 to 1.

    Returns:
        The splits with at least one photo in dev, if train has more than one photo to choose from;
        unchanged if they already have dev, or lack train or test.
    """
    if own.lists.keys() != {"train", "test"}:
        return own
    train, test = own.lists["train"], own.lists["test"]
    # Copies of test photos stay in train, from which they are later dropped as leakage.
    in_test = {digests[photo] for photo in test if photo in digests}
    places = {
        photo: hash_place(seed, digests[photo])
        for photo in train - test
        if photo in digests and digests[photo] not in in_test
    }
    dev = frozenset(photo for photo, place in places.items() if place < dev_share)
    if not dev and len(places) > 1:
        # If there are very few photos, the hash may select none.
        dev = frozenset({min(places, key=places.__getitem__)})
    origin = (
        f"{own.origin}; no dev split is named, so a share of {dev_share:g} of train is dev, by a "
        "hash of each photo's content"
    )
    return OwnSplits({**own.lists, "train": train - dev, "dev": dev}, origin, own.notes)


def own_splits(sources: Sequence[SplitSource], photos: Collection[str]) -> OwnSplits:
    """Chooses the splits of a data set from several sources.

    Uses the first source that either has at least two splits, or is binding and assigns a single
    split to only some of the photos. Earlier sources that can't be used and later ones that
    contradict it are noted.

    Args:
        sources: All sources, in order of precedence.
        photos: Ids of all captioned photos.
    """
    notes = []
    chosen: SplitSource | None = None
    for source in sources:
        said = source.splits
        kinds = {split for split, names in source.lists.items() if names}
        if chosen is not None:
            if note := _difference(source, said, chosen):
                notes.append(note)
        elif len(kinds) > 1 or (kinds and source.is_binding and not said.keys() >= set(photos)):
            chosen = source
        elif kinds:
            [split] = kinds
            notes.append(f"{source.origin}: not used, since {split} is the only split in it")
    if chosen is None:
        return OwnSplits(notes=tuple(notes))
    lists = {split: frozenset(names) for split, names in chosen.lists.items() if names}
    origin = chosen.origin
    # COCO, for instance, does not publish the captions of its test split.
    if lists.keys() == {"train", "dev"}:
        test = _half(lists["dev"])
        lists.update(test=test, dev=lists["dev"] - test)
        origin += "; no test split is named, so half of val is test"
    return OwnSplits(lists, origin, tuple(notes))


def _difference(source: SplitSource, said: Mapping[str, str], chosen: SplitSource) -> str:
    counted = chosen.splits
    differ = sorted(name for name, split in said.items() if counted.get(name, split) != split)
    if not differ:
        return ""
    first = differ[0]
    return (
        f"{source.origin}: not used for {len(differ)} photos, which {chosen.origin} puts into "
        f"another split ({first}: {counted[first]}, not {said[first]})"
    )


def _half(names: frozenset[str]) -> frozenset[str]:
    # By a hash of the name, so that adding photos does not move existing ones to the other half.
    hashes = {name: hashlib.sha256(name.encode()).digest() for name in names}
    half = frozenset(name for name in names if hashes[name][0] < 128)
    if half and half != names:
        return half
    # If there are very few photos, all may fall into the same half.
    return frozenset(sorted(names, key=hashes.__getitem__)[: len(names) // 2])
