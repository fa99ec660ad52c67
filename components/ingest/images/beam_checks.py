"""Checks all images in parallel with Beam, except those that an earlier run has checked."""

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import apache_beam as beam
import numpy as np
from numpy.typing import NDArray

from components.ingest.images.check_store import StoredChecks, add_checks, checks_folder
from components.ingest.images.checks import check_image
from components.ingest.images.file_keys import file_keys
from components.ingest.images.photo_checks import PhotoChecks
from components.runtime.beam import beam_pipeline, unwrapped_errors
from components.runtime.beam_workers import (
    ReadLists,
    results_missing,
    stage_files,
    temporary_folder,
)
from components.storage.filesystem import require_writable

logger = logging.getLogger(__name__)

# Maximum number of images per list, the unit of work that Beam distributes and a killed worker
# loses, and minimum number of lists, if there are enough images, so that workers share the work.
_LIST = 512
_LISTS = 16


@dataclass(frozen=True, slots=True)
class ImageFile:
    """An image to check.

    Attributes:
        image_id: Its id.
        path: Its file's path.
        key: Its file's key, as hex digits; see `file_keys`.
    """

    image_id: str
    path: str
    key: str


class CheckImages(beam.DoFn):
    """Checks lists of images, and adds the checks of each list to a folder as one file.

    Args:
        folder: The folder, which workers and this machine share.
    """

    def __init__(self, folder: str) -> None:
        super().__init__()
        self._folder = folder

    def process(self, element: Sequence[ImageFile]) -> None:
        """Checks a list.

        Raises:
            SettingError, CaptionflowError: If a bucket can't be used.
        """
        checks = [(file.key, check_image(file.image_id, file.path)) for file in element]
        add_checks(checks, self._folder)


def check_images(
    image_ids: Sequence[str],
    paths: Mapping[str, str],
    work: Path,
    beam_flags: str,
    *,
    store: str = "",
    checksums: Mapping[str, str] = MappingProxyType({}),
) -> PhotoChecks:
    """Checks images with Beam, list by list, so a run that is killed continues with what is left.

    Args:
        image_ids: Ids of the images, ascending.
        paths: Their paths by image id, local or in a bucket; valid UTF-8.
        work: A temporary directory for intermediate files.
        beam_flags: Flags for Beam's runner; see `runtime.beam.beam_options`.
        store: The feature store, which keeps the checks; empty: they are not kept.
        checksums: Checksums of images in a bucket, by image id, as the bucket lists them.

    Returns:
        One check per image.

    Raises:
        SettingError: If Beam's workers can't read the images or can't write their checks.
    """
    started = time.perf_counter()
    files = ((paths[image_id], checksums.get(image_id, "")) for image_id in image_ids)
    keys = file_keys(files, len(image_ids), work)
    # Several ids may have the same file.
    unique, first, rows = np.unique(keys, return_index=True, return_inverse=True)
    stored = StoredChecks(unique)
    scratch = work / "checks"
    with temporary_folder(beam_flags) as folder:
        place = checks_folder(store) if store else f"{folder or work}/results"
        if store:
            require_writable(place)
            stored.read(place, scratch)
        missing = stored.missing()
        if store:
            logger.info(
                "Feature store: %d of %d photos are checked already",
                len(unique) - len(missing),
                len(unique),
            )
        if len(missing):
            # In the order of the ids, which is usually that of the files on the disk.
            missing = missing[np.argsort(first[missing])]
            names = [image_ids[place] for place in first[missing].tolist()]
            located = stage_files([paths[name] for name in names], folder)
            source = ReadLists(
                _lists(names, located, unique[missing]),
                beam_flags=beam_flags,
                folder=folder or str(work),
                needed=located,
            )
            with unwrapped_errors(), beam_pipeline(beam_flags) as pipeline:
                _ = pipeline | "Lists" >> source | "Check" >> beam.ParDo(CheckImages(place))
            stored.read(place, scratch)
        if unknown := stored.unknown():
            found = f"{len(unique) - unknown} checks of {len(unique)} images"
            raise results_missing(found, beam_flags)
        if store:
            stored.mark_used(place)
    seconds = time.perf_counter() - started
    logger.info("Checked %d images in %.1f s", len(missing), seconds)
    return PhotoChecks(image_ids, rows, stored)


def _lists(
    names: Sequence[str], paths: Sequence[str], keys: NDArray[np.bytes_]
) -> Iterator[list[ImageFile]]:
    size = min(_LIST, -(-len(names) // _LISTS))
    for start in range(0, len(names), size):
        part = slice(start, start + size)
        yield [
            ImageFile(name, path, key.ljust(keys.itemsize, b"\0").hex())
            for name, path, key in zip(names[part], paths[part], keys[part].tolist(), strict=True)
        ]
