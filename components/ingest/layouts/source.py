"""What every layout's reader returns, and what the readers share."""

import filecmp
import unicodedata
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from components.errors import DataError

#: Files that are meant to be images. Whether one is an image, its content decides later.
IMAGE_SUFFIXES = frozenset(
    {".bmp", ".gif", ".jfif", ".jpe", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}
)


@dataclass(frozen=True, slots=True)
class Source:
    """A data set as it was found: nothing is checked yet, nothing is left out.

    Attributes:
        layout: The layout's name.
        captions: Captions by image name, in the order in which they stand in the data set.
        split_lists: Image names by split, where the data set brings lists of its own; else empty.
        images: Image files by image name, those without a caption too.
    """

    layout: str
    captions: Mapping[str, Sequence[str]]
    split_lists: Mapping[str, frozenset[str]]
    images: Mapping[str, Path]


@dataclass(frozen=True, slots=True)
class Layout:
    """A way in which data sets lie on disk.

    Attributes:
        name: As in the report.
        looked_for: What marks the layout, in words.
        find: From all files of a data set, those that hold captions in this layout.
        read: From those and all files, the source.
    """

    name: str
    looked_for: str
    find: Callable[[Sequence[Path]], list[Path]]
    read: Callable[[Sequence[Path], Sequence[Path]], Source]


def image_name(text: str) -> str:
    """Returns an image's name as data sets spell it: no folder, Unicode composed (NFC)."""
    return unicodedata.normalize("NFC", PurePosixPath(text.strip()).name)


def images_by_name(files: Sequence[Path], captioned: Collection[str]) -> dict[str, Path]:
    """Finds the image files among all files of a data set, in whatever folder they lie.

    Args:
        files: All files.
        captioned: Image names that captions speak of; their files count whatever the suffix.

    Returns:
        Files by image name.

    Raises:
        DataError: If two different files carry one name that captions speak of.
    """
    images: dict[str, Path] = {}
    for file in files:
        name = image_name(file.name)
        if name not in captioned and file.suffix.lower() not in IMAGE_SUFFIXES:
            continue
        first = images.setdefault(name, file)
        # Some archives hold their image folder twice: the same bytes do no harm.
        if first != file and name in captioned and not filecmp.cmp(first, file, shallow=False):
            raise DataError(
                f"An image's name must stand for one image. Received two that differ: {first} "
                f"and {file}. Keep the one that the captions mean"
            )
    return images


def numbered_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yields a UTF-8 text's lines that are not blank, each with its number from 1.

    Raises:
        DataError: If the text is not UTF-8.
    """
    try:
        with path.open(encoding="utf-8-sig") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield number, line.rstrip("\n")
    except UnicodeDecodeError as error:
        raise DataError(f"{path.name} must be UTF-8 text. Received: {error}") from error


def only_one(found: Sequence[Path], what: str) -> Path:
    """Returns the single path of `found`.

    Raises:
        DataError: If there are several: which one counts is not for this program to guess.
    """
    if len(found) > 1:
        raise DataError(
            f"A data set must hold one {what}. Received: {', '.join(map(str, found))}. "
            "Point at the folder that holds just one"
        )
    return found[0]
