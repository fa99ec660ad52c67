"""Unpacks archives safely, with checks for unsafe paths and decompression bombs."""

import errno
import logging
import tempfile
from dataclasses import dataclass
from pathlib import Path

from components.errors import ARCHIVE_ERRORS, CaptionflowError, DataError, one_line
from components.ingest.archives.members import tar_members, zip_members
from components.ingest.archives.places import place_members
from components.ingest.archives.streams import Meter, TooMuchError

logger = logging.getLogger(__name__)

_TAR_SUFFIXES = (".tar", ".tar.gz", ".tgz")


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits on what an archive may contain.

    Attributes:
        size: Maximum number of unpacked bytes. COCO's photos are 25 GB.
        files: Maximum number of members of any kind. COCO has 164,000.
        ratio: Maximum number of unpacked bytes per byte of the archive; photos hardly compress.
        spared: Number of unpacked bytes up to which `ratio` is not applied, because so few are
            harmless.
    """

    size: int = 64 << 30
    files: int = 500_000
    ratio: int = 100
    spared: int = 32 << 20


def is_archive(path: Path) -> bool:
    """Returns whether a file has the extension of a supported kind of archive."""
    return path.name.lower().endswith((".zip", *_TAR_SUFFIXES))


def unpack(archive: Path, directory: Path, limits: Limits | None = None) -> None:
    """Unpacks all files of an archive, because captioned photos may have any file extension.

    Bytes are counted as they are unpacked, whatever the archive's headers declare. A link to a file
    in the archive becomes a copy of that file. Other links inside the archive, and members whose
    names are not valid on this file system, are skipped with a warning.

    Args:
        archive: A `.zip`, `.tar.gz`, `.tgz` or `.tar`.
        directory: The output directory; it is created.
        limits: Limits on what the archive may contain.

    Raises:
        DataError: If a member's path or link leads outside the archive's folder, two different
            files have the same path, a member is a device, a limit is exceeded, or the archive is
            broken.
        CaptionflowError: If the files can't be written, for instance because the disk is full.
    """
    limits = limits or Limits()
    meter = Meter(
        size=limits.size,
        files=limits.files,
        relative=max(limits.spared, limits.ratio * archive.stat().st_size),
    )
    members = tar_members if archive.name.lower().endswith(_TAR_SUFFIXES) else zip_members
    try:
        directory.mkdir(parents=True)
        # Files are first written to a folder beside it, because some paths are known only once all
        # members are read.
        with tempfile.TemporaryDirectory(dir=directory.parent) as aside:
            skipped = place_members(members(archive, meter), directory, Path(aside), meter)
    except TooMuchError as error:
        raise DataError(
            f"{archive.name} may be a decompression bomb: {error}. If you trust it, unpack it "
            "yourself and give the folder"
        ) from error
    except ARCHIVE_ERRORS as error:
        # EINVAL means that the archive refers to bytes before its own start.
        if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
            raise CaptionflowError(
                f"{archive.name} could not be unpacked to {directory}: {error.strerror}. The "
                "archive is not the cause. Free some space there, or repair the disk, and try again"
            ) from error
        raise DataError(
            f"{archive.name} can't be unpacked: {str(error) or type(error).__name__}"
        ) from error
    if skipped:
        logger.warning(
            "skipped %d members of %s, such as %s: their names are not valid on this machine, or "
            "they are links to files that the archive does not contain",
            len(skipped),
            one_line(archive.name),
            one_line(repr(skipped[0])),
        )
    logger.info(
        "unpacked %d members (%d MB) of %s",
        meter.members,
        meter.written >> 20,
        one_line(archive.name),
    )
