"""The photo gallery of the report: selection and thumbnails."""

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
from components.storage.transfer import path_or_content

logger = logging.getLogger(__name__)

# Sharp enough to check a caption; about 15 KB each.
_LONGEST_SIDE = 320
_JPEG_QUALITY = 80


@dataclass(frozen=True)
class RankedCaption:
    """A photo's generated caption with its score and references.

    Attributes:
        image_id: As in the manifest.
        caption: The generated caption; may be empty.
        references: The normalized reference captions.
        score: Smoothed sentence BLEU-4, 0 to 100.
    """

    image_id: str
    caption: str
    references: tuple[str, ...]
    score: float


def rank_captions(
    image_ids: Sequence[str], captions: Sequence[str], references: Sequence[tuple[str, ...]]
) -> list[RankedCaption]:
    """Returns captions by descending score, ties by image id."""
    ranked = [
        RankedCaption(image_id, caption, photo_references, sentence_bleu(caption, photo_references))
        for image_id, caption, photo_references in zip(image_ids, captions, references, strict=True)
    ]
    return sorted(ranked, key=lambda item: (-item.score, item.image_id))


@dataclass(frozen=True)
class Picks:
    """Captions selected from a ranking, without duplicates.

    Attributes:
        best: From the top of the ranking, best first.
        median: From the middle, best first.
        worst: From the bottom, worst first.
    """

    best: list[RankedCaption]
    median: list[RankedCaption]
    worst: list[RankedCaption]


def pick_captions(ranked: Sequence[RankedCaption], most: int = 12) -> Picks:
    """Selects the best, the median and the worst captions of a ranking.

    Args:
        ranked: Captions from best to worst; at least one.
        most: Maximum number of captions per group. A group has at most a third of the ranking, but
            `best` has at least one, and so has `worst` if there are two captions.
    """
    size = max(1, min(most, len(ranked) // 3))
    rest = ranked[size:]
    # Start of the middle group in `rest`; the group ends before the worst captions.
    middle = (len(ranked) - size) // 2 - size
    return Picks(
        best=list(ranked[:size]),
        median=list(rest[:-size][middle : middle + size]),
        worst=list(rest[-size:])[::-1],
    )


def thumbnail(photo: Photo | None) -> str | None:
    """Returns a photo's thumbnail as a `data:` URI; None if the photo is not available.

    A missing or invalid photo does not fail the report; it is logged.

    Args:
        photo: As in the manifest; None if the manifest does not list it.
    """
    if photo is None:
        return None
    try:
        square = load_photo(path_or_content(photo.uri), _LONGEST_SIDE, named=photo.uri)
    except DataError as error:
        logger.warning("The report has no thumbnail of %s: %s", photo.image_id, error)
        return None
    # Restores the photo's aspect ratio, which `load_photo` changed to a square.
    scale = _LONGEST_SIDE / max(photo.width, photo.height)
    size = (max(1, round(photo.width * scale)), max(1, round(photo.height * scale)))
    jpeg = io.BytesIO()
    Image.fromarray(square).resize(size).save(jpeg, "JPEG", quality=_JPEG_QUALITY, optimize=True)
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg.getvalue()).decode()}"
