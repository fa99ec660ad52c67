"""The members of zip and tar archives, one after the other, metered as they are read."""

import contextlib
import gzip
import io
import os
import stat
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from components.errors import DataError

# Whoever copies a member reads it in pieces; only a header can ask for more at once.
_LARGEST_READ = 4 << 20


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


def zip_members(archive: Path, meter: Meter) -> Iterator[tuple[str, IO[bytes] | None]]:
    """Yields each member's name and open stream; no stream for a folder.

    Raises:
        DataError: If a member is a link or a device.
        TooMuchError: If there are too many members.
    """
    with zipfile.ZipFile(archive) as opened:
        for info in opened.infolist():
            meter.member()
            # Zip files made on Windows carry no file type: it is 0 then.
            kind = stat.S_IFMT(info.external_attr >> 16)
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise _not_a_file(info.filename)
            if info.is_dir():
                yield info.filename, None
            else:
                with opened.open(info) as stream:
                    yield info.filename, stream


def tar_members(archive: Path, meter: Meter) -> Iterator[tuple[str, IO[bytes] | None]]:
    """Yields each member's name and open stream; no stream for a folder.

    Members are never extracted by `tarfile` itself: its filters are missing in early Pythons
    3.11, and here links have no place at all.

    Raises:
        DataError: If a member is a link or a device, or sparse (small, but large once read).
        TooMuchError: If there are too many members, or too many bytes, skipped ones included.
    """
    with contextlib.ExitStack() as stack:
        raw: io.BufferedIOBase = stack.enter_context(archive.open("rb"))
        if archive.suffix.lower() != ".tar":
            raw = stack.enter_context(gzip.GzipFile(fileobj=raw))
        opened = stack.enter_context(tarfile.open(fileobj=_Metered(raw, meter), mode="r:"))
        for member in opened:
            meter.member()
            if member.isdir():
                yield member.name, None
            elif member.isreg() and not member.issparse():
                yield member.name, opened.extractfile(member)
            else:
                raise _not_a_file(member.name)


def _not_a_file(name: str) -> DataError:
    return DataError(
        f"An archive must hold plain files and folders, no links or devices. Received: {name!r}"
    )


class _Metered(io.BufferedIOBase):
    """A stream whose every place is checked before it is read, skipped ones included."""

    def __init__(self, stream: io.BufferedIOBase, meter: Meter) -> None:
        self._stream = stream
        self._meter = meter

    def read(self, size: int | None = -1, /) -> bytes:
        if size is None or not 0 <= size <= _LARGEST_READ:
            raise TooMuchError(f"a header asks for {size} bytes")
        self._meter.reach(self._stream.tell() + size)
        return self._stream.read(size)

    def seek(self, position: int, whence: int = os.SEEK_SET, /) -> int:
        self._meter.reach(position)
        return self._stream.seek(position, whence)

    def tell(self) -> int:
        return self._stream.tell()
