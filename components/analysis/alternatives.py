"""What else a model might have said of photos: all captions that the beam ends with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np

from components.artifacts.files import SCORES_FILE, read_json
from components.artifacts.manifest import Photo
from components.captioning.decoding.search import DecodingConfig
from components.captioning.inference.captioner import Captioner
from components.errors import DataError


@dataclass(frozen=True)
class Alternative:
    """A caption that the beam ended with.

    Attributes:
        image_id: As in the manifest.
        rank: From 1, the best.
        score: See `Bundle.alternatives`.
        caption: Normalised words; empty if the model said nothing.
    """

    image_id: str
    rank: int
    score: float
    caption: str


def decoding_of(scores: str | Path) -> DecodingConfig:
    """Returns how captions were searched for when a model was scored.

    Args:
        scores: The scores artifact.
    """
    facts = read_json(Path(scores) / SCORES_FILE)
    return DecodingConfig(**{field.name: facts[field.name] for field in fields(DecodingConfig)})


def describe_with_alternatives(
    model: str | Path, photos: Sequence[Photo], decoding: DecodingConfig
) -> list[Alternative]:
    """Describes a few photos anew, and keeps all captions that the beam ends with.

    Args:
        model: The model artifact: a bundle with its encoder.
        photos: As in the manifest; at least one.
        decoding: How captions are searched for.

    Returns:
        Photo by photo in the order given, each photo's captions from the best on; up to
        `decoding.beam_width` of them.

    Raises:
        DataError: If the bundle is not whole, or a photo can't be read.
    """
    captioner = Captioner(model)
    pixels = np.stack([captioner.load(photo.uri) for photo in photos])  # uint8 [N, S, S, 3]
    features = captioner.encoder.encode(pixels)
    found = replace(captioner.bundle, decoding=decoding).alternatives(features)
    return [
        Alternative(photo.image_id, rank, said.score, said.caption)
        for photo, captions in zip(photos, found, strict=True)
        for rank, said in enumerate(captions, start=1)
    ]


def require_scored(alternatives: Sequence[Alternative], scored: Mapping[str, str]) -> None:
    """Checks that alternatives are of the model that was scored.

    Its caption of a photo must be among them; it may have changed places with one that scores
    the same but for rounding.

    Args:
        alternatives: Of some photos.
        scored: The caption of each photo that was scored, by image id.

    Raises:
        DataError: If it is not.
    """
    said = {(one.image_id, one.caption) for one in alternatives}
    for image_id in dict.fromkeys(one.image_id for one in alternatives):
        if (image_id, scored[image_id]) not in said:
            raise DataError(
                f"Model and scores must be of the same run, and this model does not say what was "
                f"scored of {image_id}: run the pipeline again with --no-cache. "
                f"Received: {scored[image_id]!r}"
            )
