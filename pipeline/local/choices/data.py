"""A first look at a data set: its name, how many images it has, and where files beside it are."""

import os
import re
import zipfile
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from components.errors import ARCHIVE_ERRORS, DataError, missing
from components.ingest.archives.members import open_zip, tar_members
from components.ingest.archives.streams import Meter, TooMuchError
from components.ingest.archives.unpacking import Limits
from components.ingest.files.data_files import IMAGE_SUFFIXES, list_files
from components.storage.filesystem import is_remote, local_path
from components.storage.transfer import list_remote

# Unpacking this much takes a few seconds.
_UNPACKED_BYTES = 500 << 20
_NO_NAME = re.compile(r"[^A-Za-z0-9_.-]+")


def model_name_of(dataset: str) -> str:
    """Returns a name for the model of a data set: that of its folder or file.

    Args:
        dataset: The setting `dataset`. A name without Latin letters or digits becomes `photos`.
    """
    path = dataset if is_remote(dataset) else local_path(dataset).resolve().as_posix()
    name = PurePosixPath(path).name.partition(".")[0]
    return f"captionflow-{_NO_NAME.sub('-', name).strip('-.') or 'photos'}"


def require_exists(dataset: str) -> None:
    """Checks that something is at the path of a local data set.

    Raises:
        DataError: If the path does not exist.
        SettingError: If the path is malformed.
    """
    if not local_path(dataset).exists():
        raise DataError(f"dataset: {missing(dataset)}")


def count_images(dataset: str) -> int | None:
    """Counts the image files of a data set by their names; reads no image and no caption.

    Args:
        dataset: The setting `dataset`.

    Returns:
        The number; None if it is unknown. That is the case for a remote archive, which would have
        to be downloaded; for a compressed tar that unpacks to more than half a gigabyte; and for an
        archive that can't be read, which `ingest` explains.
    """
    if is_remote(dataset):
        return _count(file.name for file in list_remote(dataset)) or None
    path = local_path(dataset)
    if path.is_dir():
        return _count(map(str, list_files(path)))
    try:
        if zipfile.is_zipfile(path):
            meter = Meter(size=0, relative=0, files=Limits().files)
            with open_zip(path, meter) as archive:
                return _count(archive.namelist())
        # A tar is read from header to header; a compressed one has to be unpacked for that.
        bound = max(_UNPACKED_BYTES, path.stat().st_size if path.suffix.lower() == ".tar" else 0)
        meter = Meter(size=bound, relative=bound, files=Limits().files)
        return _count(os.fsdecode(member.name) for member in tar_members(path, meter))
    except (*ARCHIVE_ERRORS, DataError, TooMuchError):
        return None


def folders_beside(dataset: str) -> list[Path]:
    """Returns the local folders in which files for a data set may be: its own, and its parent."""
    if is_remote(dataset):
        return []
    path = local_path(dataset).resolve()
    return [folder for folder in (path, path.parent) if folder.is_dir()]


def _count(names: Iterable[str]) -> int:
    return sum(PurePosixPath(name).suffix.lower() in IMAGE_SUFFIXES for name in names)
