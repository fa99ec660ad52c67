"""The captions of a file in little memory: each photo's as one piece of encoded text."""

from collections.abc import Collection, Iterable, Iterator
from itertools import groupby

from components.ingest.captions.packed import pack, unpack
from components.ingest.layouts.caption_file import CaptionRow


class CaptionRows(Collection[CaptionRow]):
    """A list of `CaptionRow` that grows at its end.

    A million photos with five captions each take half a gigabyte instead of one and a half, if the
    captions of a photo follow one another.
    """

    def __init__(self) -> None:
        self._photos: list[str] = []
        self._packed: list[bytes] = []
        # The captions of the last photo, which may not be complete.
        self._open: list[str] = []
        self._length = 0

    def append(self, row: CaptionRow) -> None:
        """Adds a row."""
        if self._open and self._photos[-1] == row.photo:
            self._open.append(row.caption)
        else:
            self._close()
            self._photos.append(row.photo)
            self._open = [row.caption]
        self._length += 1

    def extend(self, rows: Iterable[CaptionRow]) -> None:
        """Adds rows."""
        for row in rows:
            self.append(row)

    def groups(self) -> Iterator[tuple[str, bytes]]:
        """Yields photos, each with its captions that follow one another, packed."""
        self._close()
        return zip(self._photos, self._packed, strict=True)

    def __iter__(self) -> Iterator[CaptionRow]:
        """Yields the rows."""
        for photo, packed in self.groups():
            for caption in unpack(packed):
                yield CaptionRow(photo, caption)

    def __contains__(self, row: object) -> bool:
        """Returns whether there is this row."""
        return any(row == each for each in self)

    def __len__(self) -> int:
        """Returns the number of rows."""
        return self._length

    def _close(self) -> None:
        if self._open:
            self._packed.append(pack(self._open))
            self._open = []


def grouped(rows: Iterable[CaptionRow]) -> Iterator[tuple[str, bytes]]:
    """Yields photos, each with its captions that follow one another, packed."""
    if isinstance(rows, CaptionRows):
        yield from rows.groups()
        return
    for photo, group in groupby(rows, lambda row: row.photo):
        yield photo, pack([row.caption for row in group])
