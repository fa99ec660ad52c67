"""Archives are hostile until they are unpacked: no path leads out, nothing blows up."""

import logging
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from tarfile import TarError
from typing import IO

from components.errors import DataError
from components.ingest.archive_members import Meter, TooMuchError, tar_members, zip_members
from components.ingest.files import IMAGE_SUFFIXES, TEXT_SUFFIXES

logger = logging.getLogger(__name__)

_NEEDED = IMAGE_SUFFIXES | TEXT_SUFFIXES
_TAR_SUFFIXES = (".tar", ".tar.gz", ".tgz")
_CHUNK = 1 << 20

# What the libraries raise for archives that are broken, encrypted or of a kind they can't read.
_BROKEN = (
    EOFError,
    NotImplementedError,
    OSError,
    RuntimeError,
    TarError,
    ValueError,
    zipfile.BadZipFile,
    zlib.error,
)


@dataclass(frozen=True, slots=True)
class Limits:
    """What an archive may hold at most.

    Attributes:
        size: Bytes, unpacked. COCO's photos are 25 GB.
        files: Members of any kind. COCO has 164,000.
        ratio: Unpacked bytes for each byte of the archive; photos hardly shrink at all.
        spared: Unpacked bytes up to which the ratio does not count: they do no harm.
    """

    size: int = 64 << 30
    files: int = 500_000
    ratio: int = 100
    spared: int = 32 << 20


def is_archive(path: Path) -> bool:
    """Returns whether a file's name says that it is an archive of a kind that is read here."""
    return path.name.lower().endswith((".zip", *_TAR_SUFFIXES))


def unpack(archive: Path, directory: Path, limits: Limits | None = None) -> None:
    """Unpacks the images, texts and JSON files of an archive.

    Bytes are counted as they come, whatever the archive's own headers say.

    Args:
        archive: A `.zip`, `.tar.gz`, `.tgz` or `.tar`.
        directory: Where the files go; made here.
        limits: What the archive may hold at most.

    Raises:
        DataError: If a member's path leads out of the archive's folder, two members have one
            path, a member is a link or a device, a limit is passed, or the archive is broken.
    """
    limits = limits or Limits()
    directory.mkdir(parents=True)
    meter = Meter(
        size=limits.size,
        files=limits.files,
        relative=max(limits.spared, limits.ratio * archive.stat().st_size),
    )
    members = tar_members if archive.name.lower().endswith(_TAR_SUFFIXES) else zip_members
    written = 0
    try:
        for path, stream in _checked(members(archive, meter)):
            # Not every member is read, but every member's path is checked.
            if path.suffix.lower() in _NEEDED:
                _write(stream, directory / path, meter)
                written += 1
    except TooMuchError as error:
        raise DataError(
            f"{archive.name} must unpack to a data set, not to a bomb: {error}. "
            "Unpack it yourself if you trust it, and give the folder"
        ) from error
    except FileExistsError as error:
        raise DataError(
            f"{archive.name}: each path must stand for one file. "
            f"Received twice: {Path(str(error.filename)).relative_to(directory)}"
        ) from error
    except _BROKEN as error:
        raise DataError(f"{archive.name} can't be unpacked: {error}") from error
    logger.info("unpacked %d files (%d MB) of %s", written, meter.written >> 20, archive.name)


def _checked(
    members: Iterator[tuple[str, IO[bytes] | None]],
) -> Iterator[tuple[Path, IO[bytes]]]:
    for name, stream in members:
        # As Windows reads it, so that backslashes and drive letters count too.
        path = PureWindowsPath(name)
        if path.drive or path.root or ".." in path.parts or not name.isprintable():
            raise DataError(
                "An archive's paths must stay inside its own folder. "
                f"Received: {name!r}. Do not trust this archive"
            )
        if stream is not None:
            yield Path(*path.parts), stream


def _write(stream: IO[bytes], target: Path, meter: Meter) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("xb") as file:
        while chunk := stream.read(_CHUNK):
            meter.add(len(chunk))
            file.write(chunk)
