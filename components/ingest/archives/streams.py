"""Streams of archives that enforce limits as they are read."""

import io
import os
from dataclasses import dataclass
from typing import IO

# Members are copied in smaller pieces; only a header can request more than this at once.
_LARGEST_READ = 1 << 20
_SMALL_PIECE = 1 << 12
_ZIP_ENTRY = b"PK\1\2"


class TooMuchError(Exception):
    """An archive exceeds one of its limits."""


@dataclass(slots=True)
class Meter:
    """Counts the bytes and members of an archive while it is unpacked.

    Attributes:
        size: Maximum number of bytes, whatever the archive's size.
        relative: Maximum number of bytes for an archive of this size.
        files: Maximum number of members.
        written: Number of bytes so far.
        members: Number of members so far.
    """

    size: int
    relative: int
    files: int
    written: int = 0
    members: int = 0

    def add(self, size: int) -> None:
        """Counts unpacked bytes.

        Raises:
            TooMuchError: If there are too many.
        """
        self.written += size
        self.reach(self.written)

    def reach(self, position: int) -> None:
        """Checks that a position in an unpacked stream is within the limits.

        Raises:
            TooMuchError: If it is not.
        """
        if position > self.size:
            raise TooMuchError(f"at most {self.size} bytes are allowed")
        if position > self.relative:
            raise TooMuchError(f"at most {self.relative} bytes are allowed for its packed size")

    def member(self) -> None:
        """Counts a member.

        Raises:
            TooMuchError: If there are too many.
        """
        self.members += 1
        if self.members > self.files:
            raise TooMuchError(f"at most {self.files} files are allowed")


class InSmallPieces:
    """A zip member that is read in small pieces.

    For BZIP2 and LZMA, zipfile decompresses all the bytes that it reads at once: a megabyte can
    expand to many gigabytes.
    """

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream

    def read(self, size: int) -> bytes:
        """Reads bytes, a few at a time."""
        return self._stream.read(min(size, _SMALL_PIECE))


class ZipDirectory(io.BufferedIOBase):
    """A zip file that counts the entries of its central directory before zipfile parses them.

    zipfile reads the whole directory at once and creates an object for each entry.
    """

    def __init__(self, stream: io.BufferedIOBase, meter: Meter) -> None:
        self._stream = stream
        self._meter = meter

    def read(self, size: int | None = -1, /) -> bytes:
        """Reads bytes; raises TooMuchError if they contain too many directory entries."""
        content = self._stream.read(size)
        if len(content) > _LARGEST_READ and content.count(_ZIP_ENTRY) > self._meter.files:
            raise TooMuchError(f"at most {self._meter.files} files are allowed")
        return content

    def seek(self, position: int, whence: int = os.SEEK_SET, /) -> int:
        """Goes to a position."""
        return self._stream.seek(position, whence)

    def tell(self) -> int:
        """Returns the position."""
        return self._stream.tell()

    def seekable(self) -> bool:
        """Returns True."""
        return True


class Metered(io.BufferedIOBase):
    """A stream that checks every position before reading or seeking, skipped bytes included."""

    def __init__(self, stream: io.BufferedIOBase, meter: Meter) -> None:
        self._stream = stream
        self._meter = meter
        self._unread = b""

    def read(self, size: int | None = -1, /) -> bytes:
        """Reads bytes; raises TooMuchError if there are too many."""
        if size is None or not 0 <= size <= _LARGEST_READ:
            raise TooMuchError(f"a header asks for {size} bytes")
        if self._unread:
            given, self._unread = self._unread[:size], self._unread[size:]
            return given
        self._meter.reach(self._stream.tell() + size)
        return self._stream.read(size)

    def unread(self, content: bytes) -> None:
        """Pushes bytes back, so that the next read starts with them."""
        self._unread = content + self._unread

    def seek(self, position: int, whence: int = os.SEEK_SET, /) -> int:
        """Goes to a position; raises TooMuchError if it is too far."""
        self._meter.reach(position)
        self._unread = b""
        return self._stream.seek(position, whence)

    def tell(self) -> int:
        """Returns the position."""
        return self._stream.tell() - len(self._unread)
