"""Reads the members of zip and tar archives one by one, and counts the bytes as they are read."""

import contextlib
import gzip
import io
import posixpath
import stat
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from components.ingest.archives.names import tar_name, zip_name
from components.ingest.archives.streams import InSmallPieces, Meter, Metered, ZipDirectory
from components.ingest.archives.tar_headers import CheckedHeader, not_a_file

_LONGEST_LINK = 1 << 12

_GZIP_MAGIC = b"\x1f\x8b"
_UNIX = 3


@dataclass(frozen=True, slots=True)
class Member:
    """A file in an archive.

    Attributes:
        name: Its path; bytes if the archive does not declare their encoding.
        stream: Its content; None for folders and links.
        link: The target of a link, as a path from the archive's root; empty for other members.
    """

    name: str | bytes
    stream: IO[bytes] | None = None
    link: str = ""


@contextlib.contextmanager
def open_zip(archive: Path, meter: Meter) -> Iterator[zipfile.ZipFile]:
    """Opens a zip archive.

    Raises:
        TooMuchError: If its central directory has too many entries.
    """
    with (
        archive.open("rb") as raw,
        zipfile.ZipFile(cast(IO[bytes], ZipDirectory(raw, meter))) as opened,
    ):
        yield opened


def zip_members(archive: Path, meter: Meter) -> Iterator[Member]:
    """Yields the members of a zip; a member's stream must be read before the next is requested.

    Raises:
        DataError: If a member is a device or a pipe.
        TooMuchError: If there are too many members.
    """
    with open_zip(archive, meter) as opened:
        for info in opened.infolist():
            meter.member()
            name = zip_name(info)
            # Only zips created on Unix record a file type.
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
                    yield Member(name, cast(IO[bytes], InSmallPieces(stream)))
                else:
                    yield Member(name, stream)


def tar_members(archive: Path, meter: Meter) -> Iterator[Member]:
    """Yields the members of a tar, gzipped or not, like `zip_members`.

    Members are never extracted by `tarfile` itself, because early releases of Python 3.11 lack its
    extraction filters, and because links are resolved without creating any.

    Raises:
        DataError: If a member is a device or a pipe, or sparse (small, but large once read).
        TarError: If the archive is broken.
        TooMuchError: If there are too many members, or too many bytes, skipped ones included.
    """
    with contextlib.ExitStack() as stack:
        raw: io.BufferedIOBase = stack.enter_context(archive.open("rb"))
        if cast(io.BufferedReader, raw).peek(2)[:2] == _GZIP_MAGIC:
            raw = stack.enter_context(gzip.GzipFile(fileobj=raw))
        metered = Metered(raw, meter)
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
            vars(opened)["members"] = []  # else tarfile keeps all members in memory
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
        # tarfile treats any header that it can't read as the end of the archive.
        metered.seek(opened.offset)
        if any(metered.read(tarfile.BLOCKSIZE)):
            raise tarfile.ReadError(f"there is no valid header at byte {opened.offset}")


def _from_root(name: str, target: str) -> str:
    """Returns the target of a symbolic link as a path from the archive's root.

    Absolute targets stay absolute, and targets outside the archive begin with `..`.
    """
    return posixpath.normpath(posixpath.join(posixpath.dirname(name), target))
