"""Checks the headers of tar archives before `tarfile` parses them.

A hostile header that takes only a few kilobytes when gzipped can keep `tarfile` busy for hours or
exhaust the memory: its regular expressions take quadratic time (CVE-2024-6232, in Python before
3.11.10), negative sizes make it loop forever (CVE-2025-8194, before 3.11.14), records may overlap,
and the maps of sparse files are unbounded.
"""

import re
import tarfile
from collections.abc import Iterator
from typing import Protocol

from components.errors import DataError

# The records of extended headers (POSIX pax) that matter here, and the prefix of those of sparse
# files.
_RECORDS = frozenset({b"path", b"linkpath", b"size", b"hdrcharset"})
_SPARSE = b"GNU.sparse."
_START = re.compile(rb"([0-9]{1,7}) ")
# No path is this long, and no file name has this many digits in a row. Long runs of digits take
# quadratic time.
_LONGEST = 1 << 13
_DIGITS = re.compile(rb"[0-9]{256}")


def not_a_file(name: str) -> DataError:
    """Returns the error for a member that is neither a plain file nor a folder nor a link."""
    return DataError(
        "An archive must hold plain files, folders and links, no devices, pipes or sparse files. "
        f"Received: {name!r}"
    )


class PushbackStream(Protocol):
    """A stream to which bytes can be pushed back."""

    def read(self, size: int | None = -1, /) -> bytes:
        """Reads bytes."""

    def unread(self, content: bytes) -> None:
        """Pushes bytes back, so that the next read starts with them."""


class CheckedHeader(tarfile.TarInfo):
    """A tar header that is checked, by overriding hooks that `tarfile` provides for subclasses.

    They raise a DataError if the member is sparse (small in the archive, but large once read), and
    a ReadError if the header is broken.
    """

    def _proc_member(self, archive: tarfile.TarFile) -> tarfile.TarInfo:
        if self.size < 0:
            raise tarfile.ReadError(f"the size of {self.name!r} is negative: {self.size}")
        checked: tarfile.TarInfo = super()._proc_member(archive)  # type: ignore[misc] # private: no stub
        return checked

    def _proc_sparse(self, _: tarfile.TarFile) -> tarfile.TarInfo:
        raise not_a_file(self.name)

    def _proc_pax(self, archive: tarfile.TarFile) -> tarfile.TarInfo:
        stream: PushbackStream = archive.fileobj  # type: ignore[assignment] # as opened
        kept = b""
        for keyword, record in _records(stream.read(self._blocks())[: self.size]):
            if keyword.startswith(_SPARSE):
                raise not_a_file(self.name)
            # A global header (as written by `git archive`) does not apply to single files.
            if keyword in _RECORDS and self.type != tarfile.XGLTYPE:
                kept += record
        self.size = len(kept)
        stream.unread(kept.ljust(self._blocks(), b"\0"))
        checked: tarfile.TarInfo = super()._proc_pax(archive)  # type: ignore[misc] # private: no stub
        return checked

    def _blocks(self) -> int:
        return -(-self.size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE


def _records(header: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yields the keyword and the bytes of each record of an extended header.

    Raises:
        ReadError: If a record is malformed or does not follow the previous one, or a value is too
            long.
    """
    position = 0
    while position < len(header):
        start = _START.match(header, position)
        end = position + int(start[1]) if start else 0
        record = header[position:end]
        if not start or end > len(header) or not record.endswith(b"\n") or b"=" not in record:
            raise tarfile.ReadError(f"an extended header is broken at its byte {position}")
        keyword, _, value = record[len(start[0]) : -1].partition(b"=")
        if keyword in _RECORDS and (len(value) > _LONGEST or _DIGITS.search(value)):
            raise tarfile.ReadError(f"the {keyword.decode()} of a member is too long")
        if keyword == b"size" and not value.isdigit():
            raise tarfile.ReadError(f"the size of a member is no number: {value[:40]!r}")
        yield keyword, record
        position = end
