"""The data set's own splits, chosen from all places in it that speak of splits."""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class SplitSource:
    """A place in a data set that says which split photos are in.

    Attributes:
        origin: The place, in words.
        lists: Photo ids by split.
        is_binding: Whether it names photos one by one, so that it can't be left unused.
        may_lack_test: Whether photos of dev become test if there are none of test: COCO withholds
            the captions of its own.
    """

    origin: str
    lists: Mapping[str, Collection[str]]
    is_binding: bool
    may_lack_test: bool

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
            notes.append(
                f"{source.origin}: only {split} is named, so this divides nothing and is not used"
            )
    if chosen is None:
        return OwnSplits(notes=tuple(notes))
    lists = {split: frozenset(names) for split, names in chosen.lists.items() if names}
    origin = chosen.origin
    if lists.keys() == {"train", "dev"} and chosen.may_lack_test:
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
        f"{source.origin}: not used where it differs, for {len(differ)} photos ({first}: "
        f"{said[first]}, not {counted[first]}), because {chosen.origin} counts more"
    )


def _half(names: frozenset[str]) -> frozenset[str]:
    # By the name, so that photos that come later move none.
    hashes = {name: hashlib.sha256(name.encode()).digest() for name in names}
    half = frozenset(name for name in names if hashes[name][0] < 128)
    if half and half != names:
        return half
    # Of very few photos, all may fall to one side.
    return frozenset(sorted(names, key=hashes.__getitem__)[: len(names) // 2])
