"""Finds all sources of splits in a data set.

In order of precedence: a field or column for each photo; Karpathy's JSON; lists; names of caption
files or of their folders; names of the photos' folders.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import PurePosixPath

from components.errors import DataError
from components.ingest.captions.merging import split_of_caption_file
from components.ingest.files.names import Level, NameIndex
from components.ingest.layouts.caption_file import CaptionFile
from components.ingest.layouts.split_words import split_in_folders
from components.ingest.splits.lists import SplitList, line_names
from components.ingest.splits.own_splits import SplitSource


class Resolver:
    """Finds the photo that a line of a split list refers to."""

    def __init__(self, photos: Iterable[str]) -> None:
        """Indexes photos.

        Args:
            photos: All photo ids.
        """
        self._photos = frozenset(photos)
        self._index = NameIndex(sorted(self._photos))

    def find(self, line: str, folder: str = "") -> str | None:
        """Returns the id of the only photo that a line of a list can refer to, else None.

        Args:
            line: The line as written in the list.
            folder: The list's folder; names may be relative to it.
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
            numbered = self._index.numbered(name)
            if len(numbered) == 1:
                return numbered[0]
        return None


def find_split_sources(
    captions: Sequence[CaptionFile],
    ids: Sequence[Mapping[str, str]],
    beside: Sequence[CaptionFile],
    lists: Sequence[SplitList],
    *,
    located: Mapping[str, str],
    copies: Collection[str],
) -> tuple[list[SplitSource], list[str]]:
    """Finds all sources of splits in a data set.

    Args:
        captions: The data set's caption files.
        ids: For each caption file, maps the names that it uses to photo ids.
        beside: Files of Karpathy's JSON of which only the splits are used, because there are
            captions in another layout.
        lists: Split lists.
        located: Files (paths below the data set) by photo id.
        copies: Paths of caption files whose names can't be used for splits.

    Returns:
        The sources in order of precedence, and notes about those that can't be used.

    Raises:
        DataError: If one of Flickr's split lists names no captioned photo, or two lists with the
            same name contradict each other.
    """
    photos = {photo for by_name in ids for photo in by_name.values()}
    resolver = Resolver(photos)
    notes: list[str] = []
    sources = _by_photo(captions, ids)
    for file in beside:
        entries = SplitList(file.path, list(file.splits.items()))
        sources += _by_lists([entries], resolver, photos, notes)
    sources += _by_lists(lists, resolver, photos, notes)
    sources += _by_names(captions, ids, copies)
    sources += _by_folders(located, notes)
    return sources, notes


def _by_photo(
    captions: Sequence[CaptionFile], ids: Sequence[Mapping[str, str]]
) -> list[SplitSource]:
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
    return [SplitSource(origin, dict(found), is_binding=True)]


def _by_lists(
    lists: Sequence[SplitList],
    resolver: Resolver,
    photos: Collection[str],
    notes: list[str],
) -> list[SplitSource]:
    found: dict[str, set[str]] = defaultdict(set)
    origins, useless = [], []
    earlier: dict[str, tuple[str, set[str]]] = {}
    for one in lists:
        folder = str(PurePosixPath(one.path).parent).removeprefix(".")
        resolved = [(resolver.find(line, folder), line, split) for line, split in one.entries]
        if not any(photo for photo, _, _ in resolved):
            useless.append(one)
            continue
        origins.append(one.path)
        _refuse_versions(one.path, {photo for photo, _, _ in resolved if photo}, earlier)
        for photo, line, split in resolved:
            # A listed photo without captions is reported under its name in the list.
            found[split].add(photo or (line_names(line) or [line])[0])
    for one in useless:
        shown = f"{one.entries[0][0][:60]!r}" if one.entries else "it is empty"
        message = (
            f"{one.path} does not clearly name any of the captioned photos. Its first line: {shown}"
        )
        if "flickr" in one.path.lower():
            raise DataError(
                f"{message}. One of the captioned photos is {min(photos)!r}. Use the same names, "
                "or remove the file"
            )
        notes.append(f"{message}. It is not used for splits")
    if not found:
        return []
    return [SplitSource(", ".join(origins), dict(found), is_binding=True)]


def _refuse_versions(path: str, photos: set[str], earlier: dict[str, tuple[str, set[str]]]) -> None:
    # Lists with the same name in several folders are either copies, or each lists only the photos
    # of its own folder.
    first, same = earlier.setdefault(PurePosixPath(path).name.lower(), (path, photos))
    if same != photos and same & photos:
        raise DataError(
            f"{first} and {path} have the same name but list different photos: only one of them "
            f"lists {min(same ^ photos)}. Remove one of the lists"
        )


def _by_names(
    captions: Sequence[CaptionFile], ids: Sequence[Mapping[str, str]], copies: Collection[str]
) -> list[SplitSource]:
    found: dict[str, set[str]] = defaultdict(set)
    origins = []
    for file, by_name in zip(captions, ids, strict=True):
        split = split_of_caption_file(file.path)
        if split and file.path not in copies:
            origins.append(file.path)
            found[split] |= set(by_name.values())
    if not found:
        return []
    origin = f"the names of {', '.join(origins)}"
    return [SplitSource(origin, dict(found), is_binding=False)]


def _by_folders(located: Mapping[str, str], notes: list[str]) -> list[SplitSource]:
    found: dict[str, set[str]] = defaultdict(set)
    for photo, file in located.items():
        if split := split_in_folders(file):
            found[split].add(photo)
    if len(found) < 2:
        return []  # a single folder named after a split, such as `test pictures`, gives no splits
    if (inside := sum(map(len, found.values()))) < len(located):
        notes.append(
            f"the photos' folders: not used, since only {inside} of {len(located)} photos are in "
            "folders named after splits"
        )
        return []
    return [SplitSource("the photos' folders", dict(found), is_binding=False)]
