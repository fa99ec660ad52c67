"""The data set's own splits, chosen from all places in it that speak of splits."""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from components.ingest.splits.by_hash import hash_place


@dataclass(frozen=True, slots=True)
class SplitSource:
    """A place in a data set that says which split photos are in.

    Attributes:
        origin: The place, in words.
        lists: Photo ids by split.
        is_binding: Whether it names photos one by one, so that it can't be left unused.
    """

    origin: str
    lists: Mapping[str, Collection[str]]
    is_binding: bool

    @property
    def splits(self) -> dict[str, str]:
        """Splits by photo id; those of dev and test go before train."""
        return {
            photo: split
            for split in ("train", "dev", "test")
            for photo in self.lists.get(split, ())
        }


@dataclass(frozen=True, slots=True)
class OwnSplits:
    """The splits that a data set brings.

    Attributes:
        lists: Photo ids by split; empty if it brings none that can be used.
        origin: Where they come from, in words; empty if there are none.
        notes: What it says otherwise, and is not used, with the reason: sentences.
    """

    lists: dict[str, frozenset[str]] = field(default_factory=dict)
    origin: str = ""
    notes: tuple[str, ...] = ()


def take_dev_from_train(
    own: OwnSplits, digests: Mapping[str, str], *, seed: int, dev_share: float
) -> OwnSplits:
    """Adds a dev split, taken from train by hash, to splits that name train and test alone.

    Test stays as it is, so that scores compare with those of others.

    Args:
        own: The data set's own splits.
        digests: SHA-256 of the files' bytes by photo id.
        seed: Seed of the hash.
        dev_share: Expected share of train's photos that become dev, 0 to 1.

    Returns:
        The splits with dev, at least one photo; the same ones if they name dev, or lack train or
        test too.
    """
    if own.lists.keys() != {"train", "test"}:
        return own
    train, test = own.lists["train"], own.lists["test"]
    # Copies of test photos stay, and are then dropped from train as leakage.
    in_test = {digests[photo] for photo in test if photo in digests}
    places = {
        photo: hash_place(seed, digests[photo])
        for photo in train - test
        if photo in digests and digests[photo] not in in_test
    }
    dev = frozenset(photo for photo, place in places.items() if place < dev_share)
    if not dev and len(places) > 1:
        # Of very few photos, the hash may choose none.
        dev = frozenset({min(places, key=places.__getitem__)})
    origin = (
        f"{own.origin}; no dev split is named, so a share of {dev_share:g} of train is dev, by a "
        "hash of each photo's content"
    )
    return OwnSplits({**own.lists, "train": train - dev, "dev": dev}, origin, own.notes)


def own_splits(sources: Sequence[SplitSource], photos: Collection[str]) -> OwnSplits:
    """Chooses the splits of a data set that says them in several places.

    The first source counts that tells at least two splits apart. What others say otherwise is
    noted.

    Args:
        sources: All of them, what counts most first.
        photos: All captioned photos' ids.
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
            notes.append(f"{source.origin}: not used, since it names no other split than {split}")
    if chosen is None:
        return OwnSplits(notes=tuple(notes))
    lists = {split: frozenset(names) for split, names in chosen.lists.items() if names}
    origin = chosen.origin
    # COCO, for instance, withholds the captions of its test split.
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
    # By the name, so that photos that come later move none.
    hashes = {name: hashlib.sha256(name.encode()).digest() for name in names}
    half = frozenset(name for name in names if hashes[name][0] < 128)
    if half and half != names:
        return half
    # Of very few photos, all may fall to one side.
    return frozenset(sorted(names, key=hashes.__getitem__)[: len(names) // 2])
