"""Merges the captions of several files: copies count once, and contradictions are errors."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations, islice
from operator import eq
from pathlib import PurePosixPath

from components.errors import DataError
from components.ingest.captions.packed import PackedCaptions
from components.ingest.layouts.caption_file import CaptionFile, CaptionRow
from components.ingest.layouts.caption_rows import grouped
from components.ingest.layouts.split_words import split_in_folders, split_in_name


@dataclass(slots=True)
class MergedCaptions:
    """The merged captions of all files.

    Attributes:
        captions: Captions by photo id, in the order of the files and their rows.
        notes: Sentences about what was found twice and read once.
        copies: Paths of files with the same photos and captions that are named after different
            splits, so their names can't be used for splits.
    """

    captions: PackedCaptions = field(default_factory=PackedCaptions)
    notes: list[str] = field(default_factory=list)
    copies: set[str] = field(default_factory=set)


def merge_captions(
    files: Sequence[CaptionFile], ids: Sequence[Mapping[str, str]]
) -> MergedCaptions:
    """Merges captions of several files.

    A file whose captions are all contained in another one (a backup, a `(1)` copy, the same data in
    another layout) is ignored. Files of different splits may share photos. Any other two files with
    captions of the same photo are different versions, and the user has to choose one.

    Args:
        files: All caption files.
        ids: For each file, maps the names that it uses to photo ids.

    Raises:
        DataError: If two files contradict each other, or have different layouts and different data.
    """
    merged = MergedCaptions()
    captions = [
        _of_file(one, by_name, merged.notes) for one, by_name in zip(files, ids, strict=True)
    ]
    left_out: set[int] = set()
    for first, second in _sharing(captions):
        _resolve_pair(first, second, files, captions, left_out, merged)
    kept = [place for place in range(len(files)) if place not in left_out]
    _refuse_two_layouts([files[place] for place in kept])
    for place in kept:
        for photo in captions[place]:
            if photo in merged.captions:
                texts = _union(merged.captions[photo], captions[place][photo])
                merged.captions[photo] = texts
            else:
                merged.captions.take(photo, captions[place])
    return merged


def _union(earlier: Sequence[str], texts: Sequence[str]) -> list[str]:
    union = list(earlier)
    more = Counter(texts) - Counter(earlier)
    for text in texts:
        if more[text] > 0:
            more[text] -= 1
            union.append(text)
    return union


def split_of_caption_file(path: str) -> str | None:
    """Returns the split that a caption file, or else one of its folders, is named after."""
    return split_in_name(PurePosixPath(path).stem) or split_in_folders(path)


def _of_file(file: CaptionFile, ids: Mapping[str, str], notes: list[str]) -> PackedCaptions:
    captions = PackedCaptions()
    for photo, packed in grouped(_without_repetition(file, notes)):
        captions.add(ids[photo], packed)
    return captions


def _without_repetition(file: CaptionFile, notes: list[str]) -> Iterable[CaptionRow]:
    half, odd = divmod(len(file.rows), 2)
    # With only one photo, the repetition may be intended: annotators may write the same caption.
    if odd or half < 2 or not all(map(eq, file.rows, islice(file.rows, half, None))):
        return file.rows
    if len({row.photo for row in file.rows}) < 2:
        return file.rows
    notes.append(f"{file.path} contains all of its captions twice; they were read once")
    return islice(file.rows, half)


def _sharing(captions: Sequence[PackedCaptions]) -> list[tuple[int, int]]:
    if len(captions) < 2:
        return []
    places: dict[str, list[int]] = defaultdict(list)
    for place, one in enumerate(captions):
        for photo in one:
            places[photo].append(place)
    return sorted({pair for all_of in places.values() for pair in combinations(all_of, 2)})


def _resolve_pair(
    first: int,
    second: int,
    files: Sequence[CaptionFile],
    captions: Sequence[PackedCaptions],
    left_out: set[int],
    merged: MergedCaptions,
) -> None:
    if first in left_out or second in left_out:
        return
    # If two files are equal, the one with the shorter path is kept: a copy usually lies deeper.
    larger, smaller = sorted((first, second), key=lambda place: (len(files[place].path), place))
    if not _is_within(captions[smaller], captions[larger]):
        larger, smaller = smaller, larger
    one, other = files[larger].path, files[smaller].path
    if _is_within(captions[smaller], captions[larger]):
        left_out.add(smaller)
        merged.notes.append(f"{other} has no captions that {one} lacks; they were read once")
        if captions[smaller].keys() == captions[larger].keys():
            splits = {split_of_caption_file(one), split_of_caption_file(other)}
            merged.copies |= {one, other} if None not in splits and len(splits) > 1 else set()
        return
    splits = {split_of_caption_file(one), split_of_caption_file(other)}
    if None not in splits and len(splits) == 2:
        return
    shared = sorted(captions[larger].keys() & captions[smaller].keys())
    one, other = sorted((one, other))
    raise DataError(
        f"{one} and {other} have different captions for the same {len(shared)} photos, such as "
        f"{shared[0]}. Remove one of the files, or merge them into one"
    )


def _is_within(captions: PackedCaptions, others: PackedCaptions) -> bool:
    return captions.keys() <= others.keys() and all(
        Counter(map(_plain, texts)) <= Counter(map(_plain, others[photo]))
        for photo, texts in captions.items()
    )


def _plain(text: str) -> str:
    return " ".join(text.split())


def _refuse_two_layouts(files: Sequence[CaptionFile]) -> None:
    if len({file.layout for file in files}) > 1:
        found = "; ".join(f"{file.path} ({file.layout})" for file in files)
        raise DataError(
            f"These caption files have different layouts and name different photos: {found}. "
            "Give the folder of only one data set"
        )
