"""Finding a path by its last parts: as it is written, or less strictly."""

import re
from collections import defaultdict
from collections.abc import Iterable
from enum import IntEnum

_ENDING = re.compile(
    r"\.(?:bmp|gif|jfif|jpe|jpeg|jpg|png|tif|tiff|webp)(?:[._:~-]\w{0,12})?$", re.IGNORECASE
)


# No data set names photos by more folders than this.
_DEEPEST = 16
#: Folders whose names say no more than that photos are in them.
_CONTAINERS = re.compile(
    r"(?:all|data|dataset|files|imgs?|images?|jpe?g(?:images|s)?|photos?|pics?|pictures?)"
    r"|flick(?:e?r)?(?:8|30)k[_-]?(?:dataset|images?)?|(?:train|val|test)20\d\d",
    re.IGNORECASE,
)


class Level(IntEnum):
    """How strictly two paths are compared, the strictest first.

    Attributes:
        WRITTEN: Letter by letter.
        CASE: Whatever the letters' case and the kind of spaces.
        ENDING: Also whatever the ending: `.jpg`, `.JPEG`, `.jpg.1`, `.jpg_large`, or none.
    """

    WRITTEN = 0
    CASE = 1
    ENDING = 2


def comparable(path: str, level: Level) -> tuple[str, ...]:
    """Returns the parts of a path, such that equal paths have equal parts at this level."""
    if level == Level.WRITTEN:
        return tuple(path.split("/"))
    if level == Level.ENDING:
        path = _ENDING.sub("", path)
    return tuple(" ".join(part.casefold().split()) for part in path.split("/"))


def without_containers(path: str) -> tuple[str, ...]:
    """Returns a path's parts, comparable at `Level.ENDING`, without folders such as `images`."""
    *folders, last = comparable(path, Level.ENDING)
    return (*(one for one in folders if not _CONTAINERS.fullmatch(one)), last)


class NameIndex:
    """Paths, found by their last parts."""

    def __init__(self, paths: Iterable[str]) -> None:
        """Indexes paths.

        Args:
            paths: With slashes between their parts.
        """
        self._paths = list(paths)
        self._ends: dict[Level, dict[tuple[str, ...], list[str]]] = {}

    def ending_with(self, path: str, level: Level) -> list[str]:
        """Returns the paths whose last parts are all parts of `path`, in the order of the index."""
        return self._index(level).get(comparable(path, level), [])

    def ends_of(self, path: str, level: Level) -> list[str]:
        """Returns the longest paths that `path` ends with."""
        parts = comparable(path, level)
        for start in range(len(parts)):
            ends = self._index(level).get(parts[start:], ())
            if whole := [one for one in ends if one.count("/") == len(parts) - start - 1]:
                return whole
        return []

    def _index(self, level: Level) -> dict[tuple[str, ...], list[str]]:
        if level not in self._ends:
            # By each of its ends, as many data sets have thousands of `<id>/image.jpg`.
            ends: dict[tuple[str, ...], list[str]] = defaultdict(list)
            for path in self._paths:
                parts = comparable(path, level)
                for start in range(max(0, len(parts) - _DEEPEST), len(parts)):
                    ends[parts[start:]].append(path)
            self._ends[level] = dict(ends)
        return self._ends[level]
