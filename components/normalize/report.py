"""The captions artifact's report: counts, and what is odd about the captions."""

import html
from collections.abc import Sequence
from typing import Any

from components.artifacts.captions import CaptionedPhoto
from components.artifacts.manifest import SPLITS, Photo
from components.captioning.model.vocabulary import UNK, Vocabulary
from components.normalize.oddities import count_typed_tokens, explain_few_words


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
        `longest_caption` and `words_per_caption` (the mean), in words; `splits`: for each split
        its `photos`, `captions`, `words` and `unknown_share` (of its words, 0 to 1);
        `captions_emptied`: how many captions had no word and were dropped;
        `photos_without_caption`: ids of the photos dropped with them; `typed_tokens`: special
        tokens that stand in captions, such as `<start>`, with the number of captions;
        `few_words`: why captions have fewer than two words on average, empty if they have more.
    """
    kept = {photo.image_id for photo in normalised}
    before = sum(len(photo.captions) for photo in photos)
    after = sum(len(photo.tokens) for photo in normalised)
    lengths = [len(ids) for photo in normalised for ids in photo.tokens]
    example = next((photo.references[0] for photo in normalised), "")
    return {
        "min_count": min_count,
        "vocabulary_size": len(vocabulary),
        "longest_caption": max(lengths, default=0),
        "words_per_caption": sum(lengths) / len(lengths) if lengths else 0.0,
        "splits": {split: _split_report(normalised, split) for split in SPLITS},
        "captions_emptied": before - after,
        "photos_without_caption": [p.image_id for p in photos if p.image_id not in kept],
        "typed_tokens": count_typed_tokens(
            html.unescape(caption) for photo in photos for caption in photo.captions
        ),
        "few_words": explain_few_words(sum(lengths), len(lengths), example),
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
