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
from components.ingest.images.checks import ImageCheck, check_image
from components.ingest.images.file_keys import file_keys
from components.ingest.images.photo_checks import PhotoChecks
from components.runtime.beam import beam_pipeline, unwrapped_errors
from components.runtime.beam_lists import ReadLists
from components.runtime.beam_workers import results_missing, stage_files, temporary_folder
from components.storage.filesystem import is_remote, require_writable

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
        lasting: 1 if the key identifies the content in later runs too, else 0.
    """

    image_id: str
    path: str
    key: str
    lasting: int


class CheckImages(beam.DoFn):
    """Checks lists of images, and adds the checks of each list to folders, as one file in each.

    Args:
        store: The folder, shared by workers and this machine, of checks that later runs may reuse.
        results: The folder, also shared, of the others: those of images that could not be read,
            which may succeed later, or whose keys are not lasting. It may be the same.
    """

    def __init__(self, store: str, results: str) -> None:
        super().__init__()
        self._store = store
        self._results = results

    def process(self, element: Sequence[ImageFile]) -> None:
        """Checks a list.

        Raises:
            SettingError, CaptionflowError: If a bucket can't be used.
        """
        checks: dict[str, list[tuple[str, ImageCheck]]] = {}
        for file in element:
            check = check_image(file.image_id, file.path)
            folder = self._store if file.lasting and check.sha256 else self._results
            checks.setdefault(folder, []).append((file.key, check))
        for folder, each in checks.items():
            add_checks(each, folder)


def check_images(
    image_ids: Sequence[str],
    paths: Mapping[str, str],
    work: Path,
    beam_flags: str,
    *,
    store: str = "",
    versions: Mapping[str, str] = MappingProxyType({}),
) -> PhotoChecks:
    """Checks images with Beam, list by list, so a run that is killed continues with what is left.

    Args:
        image_ids: Ids of the images, ascending.
        paths: Their paths by image id, local or in a bucket; valid UTF-8.
        work: A temporary directory for intermediate files.
        beam_flags: Flags for Beam's runner; see `runtime.beam.beam_options`.
        store: The feature store, which keeps the checks; empty: they are not kept.
        versions: For each image in a bucket, by image id: a text that changes with its content.

    Returns:
        One check per image.

    Raises:
        SettingError: If Beam's workers can't read the images or can't write their checks.
    """
    started = time.perf_counter()
    located = ((image_id, paths[image_id]) for image_id in image_ids)
    files = ((path, versions[name] if is_remote(path) else "") for name, path in located)
    keys, lasting = file_keys(files, len(image_ids), work)
    # Several ids may have the same file.
    unique, first, rows = np.unique(keys, return_index=True, return_inverse=True)
    stored = StoredChecks(unique)
    scratch = work / "checks"
    with temporary_folder(beam_flags) as folder:
        results = f"{folder or work}/results"
        place = checks_folder(store) if store else results
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
            names = [image_ids[row] for row in first[missing].tolist()]
            staged = stage_files([paths[name] for name in names], folder)
            source = ReadLists(
                _lists(names, staged, unique[missing], lasting[first[missing]]),
                beam_flags=beam_flags,
                folder=folder or str(work),
                needed=staged,
            )
            check = CheckImages(place, results)
            with unwrapped_errors(), beam_pipeline(beam_flags) as pipeline:
                _ = pipeline | "Lists" >> source | "Check" >> beam.ParDo(check)
            for written in dict.fromkeys((place, results)):
                stored.read(written, scratch)
        if unknown := len(stored.missing()):
            found = f"{len(unique) - unknown} checks of {len(unique)} images"
            raise results_missing(found, beam_flags)
        if store:
            stored.mark_used(place)
    seconds = time.perf_counter() - started
    logger.info("Checked %d images in %.1f s", len(missing), seconds)
    return PhotoChecks(image_ids, rows, stored)


def _lists(
    names: Sequence[str],
    paths: Sequence[str],
    keys: NDArray[np.bytes_],
    lasting: NDArray[np.bool_],
) -> Iterator[list[ImageFile]]:
    size = min(_LIST, -(-len(names) // _LISTS))
    for start in range(0, len(names), size):
        part = slice(start, start + size)
        # NumPy drops zero bytes at the end of a key.
        digits = [key.ljust(keys.itemsize, b"\0").hex() for key in keys[part].tolist()]
        columns = names[part], paths[part], digits, lasting[part].tolist()
        yield [
            ImageFile(name, path, key, int(is_lasting))
            for name, path, key, is_lasting in zip(*columns, strict=True)
        ]
