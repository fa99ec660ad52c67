"""Alternative captions: all captions of the final beams of some photos."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from components.artifacts.manifest import Photo
from components.captioning.inference.captioner import Captioner
from components.storage.transfer import path_or_content


@dataclass(frozen=True)
class Alternative:
    """A caption of a final beam.

    Attributes:
        image_id: As in the manifest.
        rank: Its rank, from 1.
        score: See `Bundle.alternatives`.
        caption: The caption as ordinary text; may be empty.
    """

    image_id: str
    rank: int
    score: float
    caption: str


def describe_with_alternatives(model: str | Path, photos: Sequence[Photo]) -> list[Alternative]:
    """Describes photos, and returns all captions of the final beams.

    Args:
        model: A scored model: a bundle with its encoder and decoding settings.
        photos: At least one photo of the manifest.

    Returns:
        The captions of each photo by rank, in the order of the photos; at most as many per photo as
        the model's beam width.

    Raises:
        DataError: If the bundle is incomplete or invalid, or a photo can't be read.
    """
    captioner = Captioner(model)
    # uint8 [N, S, S, 3]
    pixels = np.stack(
        [captioner.load(path_or_content(photo.uri), named=photo.uri) for photo in photos]
    )
    features = captioner.encoder.encode(pixels)
    return [
        Alternative(photo.image_id, rank, caption.score, captioner.shown(caption.text))
        for photo, captions in zip(photos, captioner.bundle.alternatives(features), strict=True)
        for rank, caption in enumerate(captions, start=1)
    ]
