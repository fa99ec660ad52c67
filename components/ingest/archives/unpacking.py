"""Archives are hostile until they are unpacked: no path leads out, nothing blows up."""

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
    """Unpacks an archive: all its files, for what captions name may have any ending.

    Bytes are counted as they come, whatever the archive's own headers say. A link to a file of the
    archive becomes that file; other links inside the archive, and names that no file here can
    have, are skipped with a warning.

    Args:
        archive: A `.zip`, `.tar.gz`, `.tgz` or `.tar`.
        directory: Where the files go; made here.
        limits: What the archive may hold at most.

    Raises:
        DataError: If a member's path or link leads out of the archive's folder, two files that
            differ have one path, a member is a device, a limit is passed, or the archive is broken.
        CaptionflowError: If the files can't be written here, as on a full disk.
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
        # Written beside it first: of some members the path is known at the end only.
        with tempfile.TemporaryDirectory(dir=directory.parent) as aside:
            skipped = place_members(members(archive, meter), directory, Path(aside), meter)
    except TooMuchError as error:
        raise DataError(
            f"{archive.name} may be a decompression bomb: {error}. If you trust it, unpack it "
            "yourself and give the folder"
        ) from error
    except ARCHIVE_ERRORS as error:
        # EINVAL: the archive refers to bytes before its own start.
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
