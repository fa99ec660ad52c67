"""What is to be encoded: each captioned photo, and the shard that its record goes to."""

import hashlib
import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from components.artifacts.captions import CaptionedPhoto
from components.artifacts.examples import shard_count, shard_name
from components.artifacts.manifest import SPLITS, Photo
from components.captioning.encoder.images import load_photo
from components.errors import DataError

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class EncodingTask:
    """A photo to encode.

    Attributes:
        image_id: As in the manifest.
        path: Where the photo lies.
        sha256: Of its bytes when `ingest` checked them, 64 hex digits.
        split: As in the manifest.
        shard: Name of the file that its record goes to.
        tokens: As in `CaptionedPhoto`.
        references: As in `CaptionedPhoto`.
    """

    image_id: str
    path: str
    sha256: str
    split: str
    shard: str
    tokens: tuple[tuple[int, ...], ...]
    references: tuple[str, ...]


def plan_tasks(photos: list[Photo], captions: list[CaptionedPhoto]) -> list[EncodingTask]:
    """Joins photos with their captions, and gives each its shard.

    Args:
        photos: The manifest.
        captions: Photos without any are left out.

    Returns:
        One task a captioned photo; split by split, each ordered by image id.

    Raises:
        DataError: If no photo has captions.
    """
    captioned = {photo.image_id: photo for photo in captions}
    tasks = []
    for split in SPLITS:
        chosen = [photo for photo in photos if photo.split == split and photo.image_id in captioned]
        shards = shard_count(len(chosen))
        tasks += [
            EncodingTask(
                image_id=photo.image_id,
                path=photo.uri,
                sha256=photo.sha256,
                split=split,
                # As many photos in each shard, give or take one, in order.
                shard=shard_name(split, index * shards // len(chosen), shards),
                tokens=captioned[photo.image_id].tokens,
                references=captioned[photo.image_id].references,
            )
            for index, photo in enumerate(sorted(chosen, key=lambda photo: photo.image_id))
        ]
    if not tasks:
        raise DataError(
            f"At least one photo of the manifest must have captions. Received: {len(photos)} "
            f"photos, {len(captions)} of other images captioned"
        )
    if len(tasks) < len(photos):
        logger.info("%d photos without captions are left out", len(photos) - len(tasks))
    return tasks


def read_photo(task: EncodingTask, size: int) -> NDArray[np.uint8]:
    """Reads a task's photo as it was when `ingest` checked it.

    Args:
        task: Which photo.
        size: Height and width of the result, in pixels.

    Returns:
        uint8 [size, size, 3].

    Raises:
        DataError: If the file is gone, or is no longer the one that was checked.
    """
    try:
        content = Path(task.path).read_bytes()
    except OSError as error:
        raise DataError(
            f"Photo {task.image_id} can't be read any more, though ingest did read it: {error}"
        ) from error
    sha256 = hashlib.sha256(content).hexdigest()
    if sha256 != task.sha256:
        raise DataError(
            f"Photo {task.image_id} must be as ingest found it, with SHA-256 {task.sha256}. "
            f"{task.path} now has {sha256}. Run ingest again"
        )
    try:
        return load_photo(content, size)
    except DataError as error:
        raise DataError(f"Photo {task.image_id} at {task.path}: {error}") from error
