"""Checks all images in parallel with Beam."""

import logging
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import apache_beam as beam
import pyarrow as pa
import pyarrow.parquet as pq

from components.errors import SettingError
from components.ingest.images.checks import ImageCheck, check_image
from components.runtime.beam import beam_pipeline

logger = logging.getLogger(__name__)

_NOT_UTF8 = "its path is not valid UTF-8: rename the folder or file"

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


def check_images(images: Mapping[str, Path], work: Path, beam_flags: str) -> list[ImageCheck]:
    """Checks images with Beam.

    Args:
        images: Files by image id.
        work: A temporary directory for intermediate files.
        beam_flags: Flags of Beam's runner, see `runtime.beam.beam_options`.

    Returns:
        One check per image, ordered by image id.

    Raises:
        SettingError: If checks are missing, since Beam's workers can't access this machine's files.
    """
    started = time.perf_counter()
    # Beam and Parquet need valid UTF-8; a path may be in another encoding, such as Latin-1.
    texts = {name: str(path) for name, path in images.items() if _is_utf8(f"{name}{path}")}
    others = [ImageCheck(name, _NOT_UTF8) for name in images if name not in texts]
    with beam_pipeline(beam_flags) as pipeline:
        _ = (
            pipeline
            | "List" >> beam.Create(list(texts.items()))
            | "CheckImages" >> CheckImages()
            | "ToRows" >> beam.Map(asdict)
            | "Write" >> beam.io.WriteToParquet(str(work / "checks" / "part"), _SCHEMA)
        )
    checks = read_checks(work / "checks", len(texts), beam_flags) + others
    logger.info("Checked %d images in %.1f s", len(checks), time.perf_counter() - started)
    return sorted(checks, key=lambda check: check.image_id)


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
        SettingError: If checks are missing, since the workers can't access this machine's files.
    """
    rows = [
        row
        for part in folder.glob("part*")
        for row in pq.read_table(part, schema=_SCHEMA).to_pylist()
    ]
    if len(rows) != expected:
        raise SettingError(
            "beam_flags must name a runner whose workers share this machine's files. "
            f"Received: {beam_flags!r}, with {len(rows)} checks of {expected} images"
        )
    return [ImageCheck(**row) for row in rows]
