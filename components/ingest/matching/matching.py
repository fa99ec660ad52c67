"""Matches captions to image files by path.

1. Captions name a photo by its path below the data set, or by the last parts of that path:
   `cats/1.jpg` matches `Images/cats/1.jpg`, but never `dogs/1.jpg`.
2. A caption file refers only to photos in its scope: the innermost folder that contains both the
   file and at least half of its photos. So `train/captions.json` does not refer to photos in
   `test`.
3. If several files match, an exact path is preferred, then a file in the folder of the split that
   the caption file is named after. Files with the same bytes count as one. Otherwise the name is
   ambiguous, which is an error.
4. Photos that are still not found are matched loosely: ignoring letter case, then ignoring the
   file extension, then ignoring generic folders (`photos`, `Images`), then by number (`139` is
   `000000000139.jpg`). A loose match counts only if it is unique in both directions.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import PurePosixPath

from components.errors import DataError
from components.ingest.files.data_files import DataFiles
from components.ingest.files.names import Level, without_containers
from components.ingest.layouts.caption_file import CaptionFile
from components.ingest.layouts.split_words import split_in_folders, split_in_name


@dataclass(frozen=True, slots=True)
class Matched:
    """The photos of one caption file.

    Attributes:
        scope: The folder that contains its photos; empty for the whole data set.
        names: Maps each name as the caption file gives it to the same name without folders above
            the data set.
        found: Maps such names to files, given as paths below the data set.
        loose: Names that were only matched loosely: see step 4 above.
    """

    scope: str
    names: dict[str, str]
    found: dict[str, str] = field(default_factory=dict)
    loose: set[str] = field(default_factory=set)


def match_photos(captions: Sequence[CaptionFile], files: DataFiles) -> list[Matched]:
    """Finds the file of each captioned photo.

    Args:
        captions: All caption files.
        files: All files of the data set.

    Returns:
        For each caption file, in the same order, the photos that it names.

    Raises:
        DataError: If a name matches two different files.
    """
    matches = []
    for caption_file in captions:
        names = _names_below(caption_file, files)
        matched = Matched(_scope(caption_file.path, names.values(), files), names)
        for name in dict.fromkeys(names.values()):
            found = _below(matched.scope, files.index.ending_with(name, Level.WRITTEN))
            if found:
                matched.found[name] = _one(name, found, caption_file.path, matched, files)
        matches.append(matched)
    _leave_to_longest(matches)
    _leave_to_named_split(captions, matches)
    if all(matched.found.keys() >= set(matched.names.values()) for matched in matches):
        return matches
    for level in (Level.CASE, Level.ENDING):
        _match_loosely(matches, partial(files.index.ending_with, level=level), files)
    by_rest: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for file in files.paths:
        by_rest[without_containers(file)].append(file)
    _match_loosely(matches, lambda name: _in_other_container(name, by_rest), files)
    _match_loosely(matches, files.index.numbered, files)
    return matches


def _names_below(caption_file: CaptionFile, files: DataFiles) -> dict[str, str]:
    """Returns the names without the folders above the data set that all of them start with."""
    names = list(dict.fromkeys(row.photo for row in caption_file.rows))
    as_given = {name: name for name in names}
    shared = _shared_folders(names)
    if not shared or any(files.index.ending_with(name, Level.ENDING) for name in names):
        return as_given
    for dropped in range(1, len(shared) + 1):
        shorter = {name: "/".join(name.split("/")[dropped:]) for name in names}
        # The rest must be a whole path: a file of the same name elsewhere is a different photo.
        if any(rest in files.paths for rest in shorter.values()):
            return shorter
    return as_given


def _shared_folders(names: Sequence[str]) -> list[str]:
    folders = [name.split("/")[:-1] for name in names]
    shared = []
    for parts in zip(*folders, strict=False):
        if len(set(parts)) > 1:
            break
        shared.append(parts[0])
    return shared


def _scope(path: str, names: Iterable[str], files: DataFiles) -> str:
    """Returns the innermost folder that contains a caption file and at least half its photos."""
    found = [files.index.ending_with(name, Level.ENDING) for name in set(names)]
    everywhere = sum(map(bool, found))
    for folder in PurePosixPath(path).parents:
        scope = "" if str(folder) == "." else str(folder)
        if 2 * sum(bool(_below(scope, one)) for one in found) >= max(everywhere, 1):
            return scope
    return ""


def _below(scope: str, names: list[str]) -> list[str]:
    return [name for name in names if not scope or name.startswith(f"{scope}/")]


def _one(name: str, found: list[str], path: str, matched: Matched, files: DataFiles) -> str:
    """Returns the one file that a name refers to."""
    if len(found) == 1:
        return found[0]
    for folder in (str(PurePosixPath(path).parent), matched.scope, ""):
        exact = str(PurePosixPath(folder) / name)
        if exact in found:
            return exact
    if split := split_in_name(PurePosixPath(path).stem):
        in_split = [one for one in found if split_in_folders(one) == split]
        found = in_split or found
    if len(found) > 1 and not files.are_same(found):
        raise DataError(
            f"{path} refers to {name}, but {len(found)} different files have that name, such as "
            f"{found[0]} and {found[1]}. Include the folder in the captions ({found[0]}), or "
            "remove the other files"
        )
    return found[0]


def _leave_to_longest(matches: Sequence[Matched]) -> None:
    """Keeps only the longest of the names that match a file; the others lose their match."""
    longest: dict[str, int] = defaultdict(int)
    for matched in matches:
        for name, file in matched.found.items():
            longest[file] = max(longest[file], len(name))
    for matched in matches:
        for name, file in list(matched.found.items()):
            if len(name) < longest[file]:
                del matched.found[name]


def _leave_to_named_split(captions: Sequence[CaptionFile], matches: Sequence[Matched]) -> None:
    """Keeps only the match from the caption file of the file's own split.

    If captions of both train and val match `val/1.jpg`, train's `1.jpg` is missing.
    """
    splits = [split_in_name(PurePosixPath(one.path).stem) for one in captions]
    if not any(splits):
        return
    claims: dict[str, set[str | None]] = defaultdict(set)
    for split, matched in zip(splits, matches, strict=True):
        for file in matched.found.values():
            claims[file].add(split)
    for split, matched in zip(splits, matches, strict=True):
        for name, file in list(matched.found.items()):
            its = split_in_folders(file)
            if its != split and its in claims[file]:
                del matched.found[name]


def _in_other_container(name: str, by_rest: Mapping[tuple[str, ...], list[str]]) -> list[str]:
    # `photos/1.jpg` and `train2014/1.jpg` may match `Images/1.jpg`; `val2014/1.jpg` never matches
    # `train2014/1.jpg`.
    split = split_in_folders(name)
    *folders, last = without_containers(name)
    keys = dict.fromkeys(
        [(*folders, last), (*(one for one in folders if split_in_name(one) is None), last)]
    )
    return [
        file
        for key in keys
        for file in by_rest.get(key, ())
        if "/" in name and (split is None or split_in_folders(file) in (None, split))
    ]


def _match_loosely(
    matches: Sequence[Matched], candidates_of: Callable[[str], list[str]], files: DataFiles
) -> None:
    taken = {file for matched in matches for file in matched.found.values()}
    wanted: dict[str, set[str]] = defaultdict(set)
    found: list[tuple[Matched, str, str]] = []
    for matched in matches:
        for name in set(matched.names.values()) - matched.found.keys():
            candidates = _below(matched.scope, candidates_of(name))
            if len(candidates) > 1 and files.are_same(candidates):
                candidates = candidates[:1]
            for candidate in candidates:
                wanted[candidate].add(name)
            # A file that another name has already matched is not available for a looser match.
            if len(candidates) == 1 and candidates[0] not in taken:
                found.append((matched, name, candidates[0]))
    for matched, name, file in found:
        if len(wanted[file]) == 1:
            matched.found[name] = file
            matched.loose.add(name)
