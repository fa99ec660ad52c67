"""Finds paths by their last parts, exactly or loosely."""

import re
from array import array
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable
from enum import IntEnum
from pathlib import PurePosixPath
from urllib.parse import unquote

import numpy as np

_ENDING = re.compile(
    r"\.(?:bmp|gif|jfif|jpe|jpeg|jpg|png|tif|tiff|webp)(?:[._:~-]\w{0,12})?$", re.IGNORECASE
)


# Names of photos contain no more path parts than this.
_DEEPEST = 16
#: Generic folders, whose names tell nothing about the photos in them.
_CONTAINERS = re.compile(
    r"(?:all|data|dataset|files|imgs?|images?|jpe?g(?:images|s)?|photos?|pics?|pictures?)"
    r"|flick(?:e?r)?(?:8|30)k[_-]?(?:dataset|images?)?|(?:train|val|test)(?:20\d\d|_images)",
    re.IGNORECASE,
)


# Zero-width space, direction marks, word joiner, byte order mark.
_INVISIBLE = re.compile("[\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]")
_ID = re.compile(r"\d+(?:\.0)?", re.ASCII)
# A number after a word is an id only if it is padded with zeros to a fixed length.
_NUMBER = re.compile(r"(?:.*_(?=\d{8}))?0*(?P<number>\d{1,18})(?:\.0)?", re.ASCII)


class Level(IntEnum):
    """How strictly two paths are compared, from strict to loose.

    Attributes:
        WRITTEN: Exactly as written.
        CASE: Ignoring letter case, kinds of whitespace, invisible characters and
            percent-encoding.
        ENDING: Also ignoring the extension: `.jpg`, `.JPEG`, `.jpg.1`, `.jpg_large`, or none.
    """

    WRITTEN = 0
    CASE = 1
    ENDING = 2


def comparable(path: str, level: Level) -> tuple[str, ...]:
    """Returns the parts of a path, normalized so that paths that match at this level are equal."""
    if level == Level.WRITTEN:
        return tuple(path.split("/"))
    path = _INVISIBLE.sub("", unquote(path))
    if level == Level.ENDING:
        path = _ENDING.sub("", path)
    return tuple(" ".join(part.casefold().split()) for part in path.split("/"))


def without_containers(path: str) -> tuple[str, ...]:
    """Returns a path's parts, normalized at `Level.ENDING`, without folders such as `images`."""
    *folders, last = comparable(path, Level.ENDING)
    return (*(one for one in folders if not _CONTAINERS.fullmatch(one)), last)


def number_of(path: str) -> int | None:
    """Returns the number that is a photo's name; None if the name is not a number.

    For instance, tables contain COCO's ids as numbers (`139`, or `139.0` from a column of floats),
    while its files are named `000000000139.jpg` or `COCO_val2014_000000000139.jpg`.
    """
    found = _NUMBER.fullmatch(_ENDING.sub("", PurePosixPath(path).name))
    return int(found["number"]) if found else None


class NameIndex:
    """An index that finds paths by their last parts."""

    def __init__(self, paths: Iterable[str]) -> None:
        """Indexes paths.

        Args:
            paths: Paths with slashes as separators.
        """
        self._paths = list(paths)
        self._ends: dict[Level, tuple[array[int], array[int]]] = {}
        self._numbers: dict[int, list[str]] | None = None

    def ending_with(self, path: str, level: Level) -> list[str]:
        """Returns the paths that end with all parts of `path`, in the order of the index."""
        return self._with_end(comparable(path, level), level)

    def ends_of(self, path: str, level: Level) -> list[str]:
        """Returns the longest indexed paths that `path` ends with."""
        parts = comparable(path, level)
        for start in range(len(parts)):
            ends = self._with_end(parts[start:], level)
            if whole := [one for one in ends if one.count("/") == len(parts) - start - 1]:
                return whole
        return []

    def numbered(self, path: str) -> list[str]:
        """Returns the paths with the same number as `path`; see `number_of`.

        One of the two must be only a number: `1.jpg` and `001.jpg` are different photos.
        """
        if self._numbers is None:
            self._numbers = defaultdict(list)
            for one in self._paths:
                if (number := number_of(one)) is not None:
                    self._numbers[number].append(one)
        number = number_of(path)
        found = [] if number is None else self._numbers.get(number, [])
        return [one for one in found if _ID.fullmatch(path) or _ID.fullmatch(one)]

    def _with_end(self, end: tuple[str, ...], level: Level) -> list[str]:
        hashes, numbers = self._index(level)
        wanted, found = hash(end), []
        for place in range(bisect_left(hashes, wanted), len(hashes)):
            if hashes[place] != wanted:
                break
            path = self._paths[numbers[place]]
            if comparable(path, level)[-len(end) :] == end:
                found.append(path)
        return found

    def _index(self, level: Level) -> "tuple[array[int], array[int]]":
        """Returns the hashes of all ends of all paths, ascending, and the places of these paths.

        A dictionary of a million paths' ends would take a gigabyte.
        """
        if level not in self._ends:
            # Every suffix of a path is a key. An index by file name alone would be slow, because
            # many data sets have thousands of files named `<id>/image.jpg`.
            hashes, numbers = array("q"), array("l")
            for number, path in enumerate(self._paths):
                parts = comparable(path, level)
                for start in range(max(0, len(parts) - _DEEPEST), len(parts)):
                    hashes.append(hash(parts[start:]))
                    numbers.append(number)
            # Stable, so that paths with the same end stay in order.
            order = np.argsort(np.asarray(hashes), kind="stable")
            self._ends[level] = (
                array("q", np.asarray(hashes)[order].tobytes()),
                array("l", np.asarray(numbers)[order].tobytes()),
            )
        return self._ends[level]
