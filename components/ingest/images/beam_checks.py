"""Checks all images in parallel with Beam."""

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import apache_beam as beam
import pyarrow as pa
import pyarrow.parquet as pq

from components.ingest.images.checks import ImageCheck, check_image
from components.runtime.beam import beam_pipeline, unwrapped_errors
from components.runtime.beam_workers import (
    ReadLists,
    results_missing,
    stage_files,
    temporary_folder,
)
from components.storage.transfer import local_copy

logger = logging.getLogger(__name__)

_NOT_UTF8 = "its path is not valid UTF-8: rename the folder or file"

# Number of images per list, the unit of work that Beam distributes.
_LIST = 512

_SCHEMA = pa.schema(
    [
        ("image_id", pa.string()),
        ("reason", pa.string()),
        ("sha256", pa.string()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("perceptual_hash", pa.string()),
    ]
)


class CheckImages(beam.PTransform):
    """Transforms pairs of image id and path to `ImageCheck`."""

    def expand(self, images: beam.PCollection) -> beam.PCollection:
        """Distributes the images to the workers and checks each."""
        return (
            images
            | "Distribute" >> beam.Reshuffle()
            | "Check" >> beam.MapTuple(check_image).with_output_types(ImageCheck)
        )


@dataclass(frozen=True, slots=True)
class ImageFile:
    """An image to check: its id, and its file's path."""

    image_id: str
    path: str


def check_images(images: Mapping[str, str], work: Path, beam_flags: str) -> list[ImageCheck]:
    """Checks images with Beam.

    Args:
        images: Paths by image id, local or in a bucket.
        work: A temporary directory for intermediate files.
        beam_flags: Flags for Beam's runner; see `runtime.beam.beam_options`.

    Returns:
        One check per image, ordered by image id.

    Raises:
        SettingError: If Beam's workers can't read the images or can't write their checks.
    """
    started = time.perf_counter()
    # Beam and Parquet need valid UTF-8; a path may be in another encoding, such as Latin-1.
    files = [ImageFile(name, path) for name, path in images.items() if _is_utf8(f"{name}{path}")]
    texts = {file.image_id for file in files}
    others = [ImageCheck(name, _NOT_UTF8) for name in images if name not in texts]
    checks = (_check_files(files, work, beam_flags) if files else []) + others
    logger.info("Checked %d images in %.1f s", len(checks), time.perf_counter() - started)
    return sorted(checks, key=lambda check: check.image_id)


def _check_files(files: Sequence[ImageFile], work: Path, beam_flags: str) -> list[ImageCheck]:
    with temporary_folder(beam_flags) as folder:
        paths = stage_files([file.path for file in files], folder)
        staged = [replace(file, path=path) for file, path in zip(files, paths, strict=True)]
        lists = [staged[start : start + _LIST] for start in range(0, len(staged), _LIST)]
        marker = work / "marker"
        marker.touch()
        source = ReadLists(lists, beam_flags=beam_flags, folder=folder, needed=paths, marker=marker)
        results = f"{folder or work}/checks"
        with unwrapped_errors(), beam_pipeline(beam_flags) as pipeline:
            _ = (
                pipeline
                | "Lists" >> source
                | "Images" >> beam.FlatMap(_pairs)
                | "CheckImages" >> CheckImages()
                | "ToRows" >> beam.Map(asdict)
                | "Write" >> beam.io.WriteToParquet(f"{results}/part", _SCHEMA)
            )
        if folder:
            return read_checks(local_copy(results, work), len(files), beam_flags)
        return read_checks(Path(results), len(files), beam_flags)


def _pairs(files: Sequence[ImageFile]) -> Iterator[tuple[str, str]]:
    for file in files:
        yield file.image_id, file.path


def _is_utf8(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def read_checks(folder: Path, expected: int, beam_flags: str) -> list[ImageCheck]:
    """Reads the checks that Beam's workers wrote.

    Args:
        folder: The folder with their Parquet files.
        expected: The expected number of checks.
        beam_flags: The flags, for the error message.

    Returns:
        The checks, in any order.

    Raises:
        SettingError: If checks are missing because the workers wrote them elsewhere.
    """
    rows = [
        row
        for part in folder.glob("part*")
        for row in pq.read_table(part, schema=_SCHEMA).to_pylist()
    ]
    if len(rows) != expected:
        raise results_missing(f"{len(rows)} checks of {expected} images", beam_flags)
    return [ImageCheck(**row) for row in rows]
