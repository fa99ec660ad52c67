"""Which split each photo is in by what the data set says of it, and where it says so.

A data set may say it in several places. The first of these counts that tells at least two splits
apart: photo by photo (a field, a column, Karpathy's JSON); lists; names of caption files, or of
their folders; the photos' folders. What the others say otherwise is noted.
"""

import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from components.errors import DataError
from components.ingest.files import DataFiles
from components.ingest.layouts.source import CaptionFile
from components.ingest.merging import said_split
from components.ingest.names import Level, NameIndex
from components.ingest.split_lists import SplitList, line_names
from components.ingest.split_words import split_in_folders


@dataclass(frozen=True, slots=True)
class Saying:
    """What one place in a data set says of its splits.

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


class Resolver:
    """Finds the photo that a list means."""

    def __init__(self, photos: Iterable[str]) -> None:
        """Indexes photos.

        Args:
            photos: All photo ids.
        """
        self._photos = frozenset(photos)
        self._index = NameIndex(sorted(self._photos))

    def find(self, line: str, folder: str = "") -> str | None:
        """Returns the id of the one photo that a line of a list means, else None.

        Args:
            line: As it stands in the list.
            folder: Of the list: names may begin there.
        """
        for name in line_names(line):
            for exact in (f"{folder}/{name}" if folder else name, name):
                if exact in self._photos:
                    return exact
            for level in Level:
                found = self._index.ending_with(name, level) or self._index.ends_of(name, level)
                if len(found) == 1:
                    return found[0]
                if found:
                    break
        return None


def own_splits(sayings: Sequence[Saying], photos: Collection[str]) -> OwnSplits:
    """Chooses what counts of all that a data set says of its splits.

    Args:
        sayings: All of it, what counts most first.
        photos: All captioned photos' ids.
    """
    notes = []
    chosen: Saying | None = None
    for saying in sayings:
        said = saying.splits
        kinds = {split for split, names in saying.lists.items() if names}
        if chosen is not None:
            if note := _difference(saying, said, chosen):
                notes.append(note)
        elif len(kinds) > 1 or (kinds and saying.is_binding and not said.keys() >= set(photos)):
            chosen = saying
        elif kinds:
            [split] = kinds
            notes.append(
                f"{saying.origin}: only {split} is named, so this divides nothing and is not used"
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


def _difference(saying: Saying, said: Mapping[str, str], chosen: Saying) -> str:
    counted = chosen.splits
    differ = sorted(name for name, split in said.items() if counted.get(name, split) != split)
    if not differ:
        return ""
    first = differ[0]
    return (
        f"{saying.origin}: not used where it differs, for {len(differ)} photos ({first}: "
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


def sayings_of(
    captions: Sequence[CaptionFile],
    ids: Sequence[Mapping[str, str]],
    beside: Sequence[CaptionFile],
    lists: Sequence[SplitList],
    files: DataFiles,
    *,
    located: Mapping[str, str],
    copies: Collection[str],
) -> tuple[list[Saying], list[str]]:
    """Collects all that a data set says of its splits.

    Args:
        captions: Its caption files.
        ids: For each, photo ids by what it calls a photo.
        beside: Karpathy's JSON beside captions of another layout: only its splits are read.
        lists: Lists of splits.
        files: All files.
        located: Files (their paths below the data set) by photo id.
        copies: Paths of caption files whose names say nothing.

    Returns:
        What is said, what counts most first; and notes on what names no photo at all.

    Raises:
        DataError: If lists for splits name no photo.
    """
    photos = {photo for by_name in ids for photo in by_name.values()}
    resolver = Resolver(photos)
    notes: list[str] = []
    sayings = _by_photo(captions, ids)
    for file in beside:
        entries = SplitList(file.path, list(file.splits.items()))
        sayings += _by_lists([entries], resolver, photos, notes)
    sayings += _by_lists(lists, resolver, photos, notes)
    sayings += _by_names(captions, ids, copies)
    sayings += _by_folders(located, notes)
    return sayings, notes


def _by_photo(captions: Sequence[CaptionFile], ids: Sequence[Mapping[str, str]]) -> list[Saying]:
    fields: dict[str, list[str]] = defaultdict(list)
    found: dict[str, set[str]] = defaultdict(set)
    for file, by_name in zip(captions, ids, strict=True):
        if file.splits:
            fields[file.split_field].append(file.path)
        for name, split in file.splits.items():
            found[split].add(by_name.get(name, name))
    if not found:
        return []
    origin = "; ".join(f"{its} in {', '.join(paths)}" for its, paths in fields.items())
    return [Saying(origin, dict(found), is_binding=True, may_lack_test=True)]


def _by_lists(
    lists: Sequence[SplitList],
    resolver: Resolver,
    photos: Collection[str],
    notes: list[str],
) -> list[Saying]:
    found: dict[str, set[str]] = defaultdict(set)
    origins, useless = [], []
    for one in lists:
        folder = str(PurePosixPath(one.path).parent).removeprefix(".")
        resolved = [(resolver.find(line, folder), line, split) for line, split in one.entries]
        if not any(photo for photo, _, _ in resolved):
            useless.append(one)
            continue
        origins.append(one.path)
        for photo, line, split in resolved:
            # What is listed only is reported under the name in the list.
            found[split].add(photo or (line_names(line) or [line])[0])
    for one in useless:
        shown = f"{one.entries[0][0][:60]!r}" if one.entries else "it is empty"
        message = f"{one.path} names none of the captioned photos. Its first line: {shown}"
        if "flickr" in one.path.lower():
            raise DataError(
                f"{message}. A captioned photo is called, for instance, {min(photos)!r}. Make the "
                "names alike, or remove the file"
            )
        notes.append(f"{message}; so it is not used for splits")
    if not found:
        return []
    return [Saying(", ".join(origins), dict(found), is_binding=True, may_lack_test=False)]


def _by_names(
    captions: Sequence[CaptionFile], ids: Sequence[Mapping[str, str]], copies: Collection[str]
) -> list[Saying]:
    found: dict[str, set[str]] = defaultdict(set)
    origins = []
    for file, by_name in zip(captions, ids, strict=True):
        split = said_split(file.path)
        if split and file.path not in copies:
            origins.append(file.path)
            found[split] |= set(by_name.values())
    if not found:
        return []
    origin = f"the names of {', '.join(origins)}"
    return [Saying(origin, dict(found), is_binding=False, may_lack_test=True)]


def _by_folders(located: Mapping[str, str], notes: list[str]) -> list[Saying]:
    found: dict[str, set[str]] = defaultdict(set)
    for photo, file in located.items():
        if split := split_in_folders(file):
            found[split].add(photo)
    if len(found) < 2:
        return []  # one folder alone, such as `test pictures`, divides nothing
    if (inside := sum(map(len, found.values()))) < len(located):
        notes.append(
            f"the photos' folders: only {inside} of {len(located)} photos lie in folders that are "
            "called after splits, so they are not used"
        )
        return []
    return [Saying("the photos' folders", dict(found), is_binding=False, may_lack_test=True)]
