"""The streams of archives, metered as they are read."""

import io
import os
from dataclasses import dataclass
from typing import IO

# Whoever copies a member reads it in pieces; only a header can ask for more at once.
_LARGEST_READ = 1 << 20
_SMALL_PIECE = 1 << 12
_ZIP_ENTRY = b"PK\1\2"


class TooMuchError(Exception):
    """An archive holds more than its limits allow."""


@dataclass(slots=True)
class Meter:
    """Counts what an archive unpacks to, while it does.

    Attributes:
        size: Bytes allowed at most, whatever the archive's own size.
        relative: Bytes allowed at most for an archive of this size.
        files: Members allowed at most.
        written: Bytes counted so far.
        members: Members counted so far.
    """

    size: int
    relative: int
    files: int
    written: int = 0
    members: int = 0

    def add(self, size: int) -> None:
        """Counts bytes that were unpacked.

        Raises:
            TooMuchError: If they are too many.
        """
        self.written += size
        self.reach(self.written)

    def reach(self, position: int) -> None:
        """Checks that the unpacked bytes up to a position in a stream are not too many.

        Raises:
            TooMuchError: If they are.
        """
        if position > self.size:
            raise TooMuchError(f"at most {self.size} bytes are allowed")
        if position > self.relative:
            raise TooMuchError(f"at most {self.relative} bytes are allowed for its packed size")

    def member(self) -> None:
        """Counts a member.

        Raises:
            TooMuchError: If they are too many.
        """
        self.members += 1
        if self.members > self.files:
            raise TooMuchError(f"at most {self.files} files are allowed")


class InSmallPieces:
    """A zip member that is read in small pieces.

    zipfile unpacks all of what it reads of BZIP2 and LZMA at once: a megabyte can be many
    gigabytes.
    """

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream

    def read(self, size: int) -> bytes:
        """Reads bytes, a few at a time."""
        return self._stream.read(min(size, _SMALL_PIECE))


class ZipDirectory(io.BufferedIOBase):
    """A zip file whose directory is not read before its entries are counted.

    zipfile reads the directory at once and makes an object of each entry.
    """

    def __init__(self, stream: io.BufferedIOBase, meter: Meter) -> None:
        self._stream = stream
        self._meter = meter

    def read(self, size: int | None = -1, /) -> bytes:
        """Reads bytes; raises TooMuchError if they are a directory with too many entries."""
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
    """A stream whose every place is checked before it is read, skipped ones included."""

    def __init__(self, stream: io.BufferedIOBase, meter: Meter) -> None:
        self._stream = stream
        self._meter = meter
        self._unread = b""

    def read(self, size: int | None = -1, /) -> bytes:
        """Reads bytes; raises TooMuchError if they are too many."""
        if size is None or not 0 <= size <= _LARGEST_READ:
            raise TooMuchError(f"a header asks for {size} bytes")
        if self._unread:
            given, self._unread = self._unread[:size], self._unread[size:]
            return given
        self._meter.reach(self._stream.tell() + size)
        return self._stream.read(size)

    def unread(self, content: bytes) -> None:
        """Lets the next read begin with these bytes."""
        self._unread = content + self._unread

    def seek(self, position: int, whence: int = os.SEEK_SET, /) -> int:
        """Goes to a position; raises TooMuchError if it is too far."""
        self._meter.reach(position)
        self._unread = b""
        return self._stream.seek(position, whence)

    def tell(self) -> int:
        """Returns the position."""
        return self._stream.tell() - len(self._unread)
