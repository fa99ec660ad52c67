"""The members of zip and tar archives, one after the other, metered as they are read."""

import contextlib
import gzip
import io
import os
import posixpath
import stat
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from components.ingest.archives.names import tar_name, zip_name
from components.ingest.archives.tar_headers import CheckedHeader, not_a_file

# Whoever copies a member reads it in pieces; only a header can ask for more at once.
_LARGEST_READ = 1 << 20
_SMALL_PIECE = 1 << 12
_LONGEST_LINK = 1 << 12

_GZIP_MAGIC = b"\x1f\x8b"
_ZIP_ENTRY = b"PK\1\2"
_UNIX = 3


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


@dataclass(frozen=True, slots=True)
class Member:
    """A file in an archive.

    Attributes:
        name: Its path; bytes if the archive does not say in which encoding they are.
        stream: Its content; None for folders and links.
        link: The path that a link leads to, from the archive's root; else empty.
    """

    name: str | bytes
    stream: IO[bytes] | None = None
    link: str = ""


@contextlib.contextmanager
def open_zip(archive: Path, meter: Meter) -> Iterator[zipfile.ZipFile]:
    """Opens a zip.

    Raises:
        TooMuchError: If its directory has too many members.
    """
    with (
        archive.open("rb") as raw,
        zipfile.ZipFile(cast(IO[bytes], _Directory(raw, meter))) as opened,
    ):
        yield opened


def zip_members(archive: Path, meter: Meter) -> Iterator[Member]:
    """Yields the members of a zip; each stream has to be read before the next member.

    Raises:
        DataError: If a member is a device or a pipe.
        TooMuchError: If there are too many members.
    """
    with open_zip(archive, meter) as opened:
        for info in opened.infolist():
            meter.member()
            name = zip_name(info)
            # Only zips made on Unix have a file type.
            kind = stat.S_IFMT(info.external_attr >> 16) if info.create_system == _UNIX else 0
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK):
                raise not_a_file(info.filename)
            if info.filename.endswith("/") or kind == stat.S_IFDIR:
                yield Member(name)
                continue
            with opened.open(info) as stream:
                if kind == stat.S_IFLNK:
                    target = stream.read(_LONGEST_LINK).decode(errors="replace")
                    yield Member(name, link=_from_root(info.filename, target))
                elif info.compress_type in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
                    yield Member(name, cast(IO[bytes], _InSmallPieces(stream)))
                else:
                    yield Member(name, stream)


def tar_members(archive: Path, meter: Meter) -> Iterator[Member]:
    """Yields the members of a tar, gzipped or not; as `zip_members`.

    Members are never extracted by `tarfile` itself: its filters are missing in early Pythons
    3.11, and links are resolved without making any.

    Raises:
        DataError: If a member is a device or a pipe, or sparse (small, but large once read).
        TarError: If the archive is broken.
        TooMuchError: If there are too many members, or too many bytes, skipped ones included.
    """
    with contextlib.ExitStack() as stack:
        raw: io.BufferedIOBase = stack.enter_context(archive.open("rb"))
        if cast(io.BufferedReader, raw).peek(2)[:2] == _GZIP_MAGIC:
            raw = stack.enter_context(gzip.GzipFile(fileobj=raw))
        metered = _Metered(raw, meter)
        opened = stack.enter_context(
            tarfile.open(
                fileobj=metered,
                mode="r:",
                tarinfo=CheckedHeader,
                encoding="utf-8",
                errors="surrogateescape",
            )
        )
        while (member := opened.next()) is not None:
            vars(opened)["members"] = []  # tarfile would keep them all
            meter.member()
            name = tar_name(member)
            if member.isdir():
                yield Member(name)
            elif member.issym():
                yield Member(name, link=_from_root(member.name, member.linkname))
            elif member.islnk():
                yield Member(name, link=member.linkname)
            elif member.isreg() and not member.issparse():
                yield Member(name, opened.extractfile(member))
            else:
                raise not_a_file(member.name)
        # tarfile takes any header that it can't read for the archive's end.
        metered.seek(opened.offset)
        if any(metered.read(tarfile.BLOCKSIZE)):
            raise tarfile.ReadError(f"there is no valid header at byte {opened.offset}")


def _from_root(name: str, target: str) -> str:
    """Returns the path from the root that a symbolic link in an archive leads to.

    Absolute targets stay absolute, and those that lead out begin with `..`.
    """
    return posixpath.normpath(posixpath.join(posixpath.dirname(name), target))


class _InSmallPieces:
    """A zip member that is read in small pieces.

    zipfile unpacks all of what it reads of BZIP2 and LZMA at once: a megabyte can be many
    gigabytes.
    """

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream

    def read(self, size: int) -> bytes:
        return self._stream.read(min(size, _SMALL_PIECE))


class _Directory(io.BufferedIOBase):
    """A zip file whose directory is not read before its entries are counted.

    zipfile reads the directory at once and makes an object of each entry.
    """

    def __init__(self, stream: io.BufferedIOBase, meter: Meter) -> None:
        self._stream = stream
        self._meter = meter

    def read(self, size: int | None = -1, /) -> bytes:
        content = self._stream.read(size)
        if len(content) > _LARGEST_READ and content.count(_ZIP_ENTRY) > self._meter.files:
            raise TooMuchError(f"at most {self._meter.files} files are allowed")
        return content

    def seek(self, position: int, whence: int = os.SEEK_SET, /) -> int:
        return self._stream.seek(position, whence)

    def tell(self) -> int:
        return self._stream.tell()

    def seekable(self) -> bool:
        return True


class _Metered(io.BufferedIOBase):
    """A stream whose every place is checked before it is read, skipped ones included."""

    def __init__(self, stream: io.BufferedIOBase, meter: Meter) -> None:
        self._stream = stream
        self._meter = meter
        self._unread = b""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is None or not 0 <= size <= _LARGEST_READ:
            raise TooMuchError(f"a header asks for {size} bytes")
        if self._unread:
            given, self._unread = self._unread[:size], self._unread[size:]
            return given
        self._meter.reach(self._stream.tell() + size)
        return self._stream.read(size)

    def unread(self, content: bytes) -> None:
        self._unread = content + self._unread

    def seek(self, position: int, whence: int = os.SEEK_SET, /) -> int:
        self._meter.reach(position)
        self._unread = b""
        return self._stream.seek(position, whence)

    def tell(self) -> int:
        return self._stream.tell() - len(self._unread)
