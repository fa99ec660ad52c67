"""The report of the captions artifact: counts, and warnings about unusual captions."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from components.artifacts.captions import CaptionedPhoto
from components.artifacts.manifest import SPLITS, Photo
from components.captioning.model.unusual_captions import count_typed_tokens, explain_few_words
from components.captioning.model.vocabulary import SPECIAL_TOKENS, UNK, Vocabulary


def caption_report(
    photos: Collection[Photo],
    normalised: Sequence[CaptionedPhoto],
    vocabulary: Vocabulary,
    min_count: int,
) -> dict[str, Any]:
    """Returns the report of a normalisation.

    Args:
        photos: All photos, with their raw captions.
        normalised: The photos that still have a caption.
        vocabulary: The vocabulary of the train split.
        min_count: The setting that it was learned with.

    Returns:
        A JSON-serialisable dictionary:

        - `min_count`;
        - `vocabulary_size`, including the special tokens;
        - `longest_caption` and `words_per_caption` (the mean), in words;
        - `splits`: for each split `photos`, `captions`, `words`, and `unknown_share`, the share of
          words that are not in the vocabulary, 0 to 1;
        - `captions_emptied`: number of captions dropped because they had no word;
        - `photos_without_caption`: ids of the photos dropped with them;
        - `typed_tokens`: number of captions with each special token typed into them, such as
          `<start>`;
        - `few_words`: why captions may have fewer than two words on average; empty if they have
          more.
    """
    remaining = {photo.image_id for photo in normalised}
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
        "photos_without_caption": [p.image_id for p in photos if p.image_id not in remaining],
        "typed_tokens": count_typed_tokens(
            caption for photo in photos for caption in photo.captions
        ),
        "few_words": explain_few_words(sum(lengths), len(lengths), example),
    }


def report_lines(report: Mapping[str, Any]) -> Iterator[str]:
    """Yields lines for the log on the vocabulary and on each split.

    Args:
        report: The result of `caption_report`.
    """
    words = report["vocabulary_size"] - len(SPECIAL_TOKENS)
    times = "once" if report["min_count"] == 1 else f"{report['min_count']} times"
    yield (
        f"Vocabulary: {words} words seen at least {times} in train, plus {len(SPECIAL_TOKENS)} "
        "special tokens"
    )
    for split, counts in report["splits"].items():
        unknown = counts["unknown_share"]
        known = f"{100 * unknown:.2f} % of them are not" if unknown else "all of them are"
        yield (
            f"{split}: {counts['captions']} captions, {counts['words']} words; {known} in the "
            "vocabulary"
        )


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
