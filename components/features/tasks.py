"""Encoding tasks: each captioned photo, and the shard that its example goes to."""

import hashlib
import logging
from collections.abc import Callable, Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from components.artifacts.captions import CaptionedPhoto
from components.artifacts.example_records import shard_count, shard_name
from components.artifacts.manifest import SPLITS, Photo
from components.errors import DataError
from components.storage.reading import read_bytes

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class EncodingTask:
    """A photo to encode.

    Attributes:
        image_id: As in the manifest.
        path: Path of the photo's file.
        sha256: SHA-256 of the file when `ingest` checked it, 64 hex digits.
        split: As in the manifest.
        shard: Name of the TFRecord file that its example goes to.
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


def plan_tasks(
    photos: Collection[Photo], captions: Collection[CaptionedPhoto]
) -> list[EncodingTask]:
    """Joins photos with their captions, and assigns each to a shard.

    Args:
        photos: The manifest; its captions are not used.
        captions: The captions; photos without any are left out.

    Returns:
        A task for each captioned photo, split by split, ordered by image id within a split.

    Raises:
        DataError: If no photo has captions.
    """
    captioned = {photo.image_id: photo for photo in captions}
    by_split: dict[str, list[Photo]] = {split: [] for split in SPLITS}
    for photo in photos:
        if photo.image_id in captioned:
            by_split[photo.split].append(photo)
    tasks: list[EncodingTask] = []
    for split, chosen in by_split.items():
        shards = shard_count(len(chosen))
        names = [shard_name(split, number, shards) for number in range(shards)]
        # In order, and evenly: sizes of shards differ by one at most.
        tasks += [
            EncodingTask(
                image_id=photo.image_id,
                path=photo.uri,
                sha256=photo.sha256,
                split=split,
                shard=names[index * shards // len(chosen)],
                tokens=captioned[photo.image_id].tokens,
                references=captioned[photo.image_id].references,
            )
            for index, photo in enumerate(sorted(chosen, key=lambda photo: photo.image_id))
        ]
    if not tasks:
        raise DataError(
            f"At least one photo of the manifest must have captions. Received: {len(photos)} "
            f"photos, and captions of {len(captions)} other images"
        )
    if len(tasks) < len(photos):
        logger.info("Left out %d photos without captions", len(photos) - len(tasks))
    return tasks


@dataclass(frozen=True, slots=True)
class PhotoFile:
    """What a worker needs to encode a photo.

    Attributes:
        image_id: As in the manifest.
        path: The file's path, on this machine or in a bucket.
        sha256: As in the manifest.
    """

    image_id: str
    path: str
    sha256: str


def read_photo(photo: PhotoFile, load: Callable[[bytes], NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Reads and decodes a photo, after checking that it has not changed since `ingest`.

    Args:
        photo: The photo.
        load: Decodes the bytes of an image file, as `Encoder.load_photo`.

    Returns:
        What `load` returned, uint8 [S, S, 3].

    Raises:
        DataError: If the file is missing, has changed, or can't be decoded.
        SettingError, CaptionflowError: If the bucket can't be used.
    """
    try:
        content = read_bytes(photo.path)
    except OSError as error:
        raise DataError(
            f"Photo {photo.image_id} can no longer be read, though ingest did read it: {error}"
        ) from error
    sha256 = hashlib.sha256(content).hexdigest()
    if sha256 != photo.sha256:
        raise DataError(
            f"Photo {photo.image_id} must not change after ingest, which found SHA-256 "
            f"{photo.sha256}. {photo.path} now has {sha256}. Run ingest again"
        )
    try:
        return load(content)
    except DataError as error:
        raise DataError(f"Photo {photo.image_id} at {photo.path}: {error}") from error
