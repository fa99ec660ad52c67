"""Every image's check, spread over Beam's workers."""

import logging
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import apache_beam as beam
import pyarrow as pa
import pyarrow.parquet as pq

from components.errors import SettingError
from components.ingest.image_checks import ImageCheck, check_image
from components.runtime.beam import beam_pipeline

logger = logging.getLogger(__name__)

_NO_TEXT = "its path is not valid UTF-8: rename the folder or file that is in another encoding"

_SCHEMA = pa.schema(
    [
        ("image_id", pa.string()),
        ("reason", pa.string()),
        ("sha256", pa.string()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("look", pa.string()),
    ]
)


class CheckImages(beam.PTransform):
    """Pairs of image name and path to `ImageCheck`."""

    def expand(self, images: beam.PCollection) -> beam.PCollection:
        """Spreads the images over all workers, then checks each."""
        return (
            images
            | "Spread" >> beam.Reshuffle()
            | "Check" >> beam.MapTuple(check_image).with_output_types(ImageCheck)
        )


def check_images(images: Mapping[str, Path], work: Path, beam_flags: str) -> list[ImageCheck]:
    """Checks images with Beam.

    Args:
        images: Files by image name.
        work: A directory of this run; the checks' own files go below it.
        beam_flags: How Beam runs, as on a command line.

    Returns:
        One check an image, ordered by image name.

    Raises:
        SettingError: If checks are missing: Beam's workers do not see this machine's files.
    """
    started = time.perf_counter()
    # Neither Beam nor a manifest can hold a path that is no text, such as one in Latin-1.
    texts = {name: str(path) for name, path in images.items() if _is_text(f"{name}{path}")}
    others = [ImageCheck(name, _NO_TEXT) for name in images if name not in texts]
    with beam_pipeline(beam_flags) as pipeline:
        _ = (
            pipeline
            | "List" >> beam.Create(list(texts.items()))
            | "CheckImages" >> CheckImages()
            | "ToRows" >> beam.Map(asdict)
            | "Write" >> beam.io.WriteToParquet(str(work / "checks" / "part"), _SCHEMA)
        )
    checks = read_checks(work / "checks", len(texts), beam_flags) + others
    logger.info("checked %d images in %.1f s", len(checks), time.perf_counter() - started)
    return sorted(checks, key=lambda check: check.image_id)


def _is_text(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def read_checks(folder: Path, expected: int, beam_flags: str) -> list[ImageCheck]:
    """Reads the checks that Beam's workers wrote.

    Args:
        folder: Where they went.
        expected: How many there must be.
        beam_flags: For the message.

    Returns:
        The checks, in any order.

    Raises:
        SettingError: If some are missing: the workers do not see this machine's files.
    """
    rows = [
        row
        for part in folder.glob("part*")
        for row in pq.read_table(part, schema=_SCHEMA).to_pylist()
    ]
    if len(rows) != expected:
        raise SettingError(
            "beam_flags must name a runner whose workers share this machine's files. "
            f"Received {beam_flags!r}, and {len(rows)} checks of {expected} images"
        )
    return [ImageCheck(**row) for row in rows]
