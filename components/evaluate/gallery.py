"""The photos of the report: which are shown, and their thumbnails."""

import base64
import io
import logging
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image

from components.artifacts.manifest import Photo
from components.captioning.encoder.images import load_photo
from components.captioning.metrics.bleu import sentence_bleu
from components.errors import DataError

logger = logging.getLogger(__name__)

# Sharp enough to see what a caption speaks of; some 15 KB each.
_LONGEST_SIDE = 320
_JPEG_QUALITY = 80


@dataclass(frozen=True)
class RankedCaption:
    """A photo's captions and how well the generated one does.

    Attributes:
        image_id: As in the manifest.
        caption: As generated, normalised; empty if the model said nothing.
        references: As people wrote them, normalised.
        score: Smoothed BLEU-4 of this caption alone, 0 to 100.
    """

    image_id: str
    caption: str
    references: tuple[str, ...]
    score: float


def rank_captions(
    image_ids: Sequence[str], captions: Sequence[str], references: Sequence[tuple[str, ...]]
) -> list[RankedCaption]:
    """Returns captions from the best to the worst, equal ones by image id."""
    ranked = [
        RankedCaption(image_id, caption, known, sentence_bleu(caption, known))
        for image_id, caption, known in zip(image_ids, captions, references, strict=True)
    ]
    return sorted(ranked, key=lambda one: (-one.score, one.image_id))


@dataclass(frozen=True)
class Picks:
    """What is shown of a ranking; no photo stands twice.

    Attributes:
        best: From the top, the best first.
        median: Around the middle, the better first.
        worst: From the bottom, the worst first.
    """

    best: list[RankedCaption]
    median: list[RankedCaption]
    worst: list[RankedCaption]


def pick_captions(ranked: Sequence[RankedCaption], most: int = 12) -> Picks:
    """Picks the best, the median and the worst of a ranking.

    Args:
        ranked: From the best to the worst; at least one.
        most: Photos of each kind; of a short ranking a third, but one at least of the best, then
            one of the worst.
    """
    size = max(1, min(most, len(ranked) // 3))
    rest = ranked[size:]
    # In the whole ranking this is its middle; it ends before the worst begin.
    middle = (len(ranked) - size) // 2 - size
    return Picks(
        best=list(ranked[:size]),
        median=list(rest[:-size][middle : middle + size]),
        worst=list(rest[-size:])[::-1],
    )


def thumbnail(photo: Photo | None) -> str | None:
    """Returns a photo, made small, as a `data:` URI; None if it can't be had.

    A report does not fail for a picture: what is missing or broken is said in the log.

    Args:
        photo: As in the manifest; None if it is not there.
    """
    if photo is None:
        return None
    try:
        square = load_photo(photo.uri, _LONGEST_SIDE)
    except DataError as error:
        logger.warning("the report shows no picture of %s: %s", photo.image_id, error)
        return None
    # Back from the square to the photo's own ratio.
    scale = _LONGEST_SIDE / max(photo.width, photo.height)
    size = (max(1, round(photo.width * scale)), max(1, round(photo.height * scale)))
    encoded = io.BytesIO()
    Image.fromarray(square).resize(size).save(encoded, "JPEG", quality=_JPEG_QUALITY, optimize=True)
    return f"data:image/jpeg;base64,{base64.b64encode(encoded.getvalue()).decode()}"
