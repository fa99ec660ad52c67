"""What the captions artifact's report tells."""

from collections.abc import Sequence
from typing import Any

from components.artifacts.captions import CaptionedPhoto
from components.artifacts.manifest import SPLITS, Photo
from components.captioning.model.vocabulary import UNK, Vocabulary


def caption_report(
    photos: Sequence[Photo],
    normalised: Sequence[CaptionedPhoto],
    vocabulary: Vocabulary,
    min_count: int,
) -> dict[str, Any]:
    """Returns the report of a normalisation.

    Args:
        photos: All photos, with their raw captions.
        normalised: The photos that have a caption left.
        vocabulary: As learnt from the train split.
        min_count: The setting it was learnt with.

    Returns:
        A JSON-able dictionary: `min_count`; `vocabulary_size`, marks included;
        `longest_caption`, in words; `splits`: for each split its `photos`, `captions`, `words`
        and `unknown_share` (of its words, 0 to 1); `captions_emptied`: how many captions held
        no word and were dropped; `photos_without_caption`: ids of the photos dropped with them.
    """
    kept = {photo.image_id for photo in normalised}
    before = sum(len(photo.captions) for photo in photos)
    after = sum(len(photo.tokens) for photo in normalised)
    lengths = [len(ids) for photo in normalised for ids in photo.tokens]
    return {
        "min_count": min_count,
        "vocabulary_size": len(vocabulary),
        "longest_caption": max(lengths, default=0),
        "splits": {split: _split_report(normalised, split) for split in SPLITS},
        "captions_emptied": before - after,
        "photos_without_caption": [p.image_id for p in photos if p.image_id not in kept],
    }


def _split_report(normalised: Sequence[CaptionedPhoto], split: str) -> dict[str, Any]:
    photos = [photo for photo in normalised if photo.split == split]
    captions = [ids for photo in photos for ids in photo.tokens]
    words = sum(len(ids) for ids in captions)
    unknown = sum(ids.count(UNK) for ids in captions)
    return {
        "photos": len(photos),
        "captions": len(captions),
        "words": words,
        "unknown_share": unknown / words if words else 0.0,
    }
