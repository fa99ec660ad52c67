"""Finding a path by its last parts: as it is written, or less strictly."""

import re
from collections import defaultdict
from collections.abc import Iterable
from enum import IntEnum

_ENDING = re.compile(
    r"\.(?:bmp|gif|jfif|jpe|jpeg|jpg|png|tif|tiff|webp)(?:[._:~-]\w{0,12})?$", re.IGNORECASE
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


class NameIndex:
    """Paths, found by their last parts."""

    def __init__(self, paths: Iterable[str]) -> None:
        """Indexes paths.

        Args:
            paths: With slashes between their parts.
        """
        self._paths = list(paths)
        self._by_last: dict[Level, dict[str, list[tuple[tuple[str, ...], str]]]] = {}

    def ending_with(self, path: str, level: Level) -> list[str]:
        """Returns the paths whose last parts are all parts of `path`, in the order of the index."""
        parts = comparable(path, level)
        found = self._index(level).get(parts[-1], ())
        return [one for its, one in found if its[-len(parts) :] == parts]

    def ends_of(self, path: str, level: Level) -> list[str]:
        """Returns the paths that `path` ends with, in the order of the index."""
        parts = comparable(path, level)
        found = self._index(level).get(parts[-1], ())
        return [one for its, one in found if parts[-len(its) :] == its]

    def _index(self, level: Level) -> dict[str, list[tuple[tuple[str, ...], str]]]:
        if level not in self._by_last:
            index: dict[str, list[tuple[tuple[str, ...], str]]] = defaultdict(list)
            for path in self._paths:
                parts = comparable(path, level)
                index[parts[-1]].append((parts, path))
            self._by_last[level] = dict(index)
        return self._by_last[level]
