"""Finds what limits a model trained on a data set: too few photos, captions or known words.

The findings are part of `report.json`. `captionflow run --check`, the log of `ingest`, the report
page and the model card quote them from there.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import TypedDict

from components.artifacts.manifest import Photo
from components.captioning.model.unusual_captions import (
    FEW_WORDS,
    count_typed_tokens,
    explain_few_words,
    explain_typed_tokens,
)
from components.ingest.captions.words import Words, caption_words
from components.settings.data import SAMPLE

#: Smallest number of photos per split for useful results: with fewer test photos, for instance,
#: the confidence intervals of scores are too wide to compare models.
MIN_PHOTOS = {"train": 1000, "dev": 100, "test": 200}
_USES = {
    "train": "with fewer than about {minimum:,}, captions of new photos tend to be poor. Add "
    "photos, or continue from a trained model (--start-from)",
    "dev": "too few to choose the best epoch and calibrate the confidence reliably; at least about "
    "{minimum} are needed",
    "test": "scores mean nothing below about {minimum}",
}
# In Flickr8k, 1.3 % of the words in dev and test are unknown.
_MAX_UNKNOWN_SHARE = 0.05
# BLEU and CIDEr-D compare a caption with several references.
_MIN_REFERENCES = 2.0


class Finding(TypedDict):
    """A limitation of the data.

    Attributes:
        kind: Its identifier, such as `few_test_photos`.
        value: The measured value.
        bound: The limit that the value violates.
        text: A sentence for the user with the value, the bound and the consequence.
    """

    kind: str
    value: float
    bound: float
    text: str


def find_limits(
    photos: Collection[Photo],
    splits: Mapping[str, int],
    words: Words,
    *,
    layout: str,
) -> list[Finding]:
    """Finds what limits a model trained on these data.

    Args:
        photos: All photos of a manifest.
        splits: Number of photos by split.
        words: The result of `count_words`.
        layout: The data set's layout. The generated sample is exempt from the bounds on photos,
            words and references, because its scenes are so alike that few of them suffice.
    """
    limits = [] if layout == SAMPLE else list(_limits(photos, splits, words))
    return [*limits, *_unusual_captions(photos, words)]


def _limits(
    photos: Collection[Photo], splits: Mapping[str, int], words: Words
) -> Iterator[Finding]:
    for split, minimum in MIN_PHOTOS.items():
        count = splits[split]
        if count < minimum:
            use = _USES[split].format(minimum=minimum)
            text = f"{count:,} {split} photo{'' if count == 1 else 's'}: {use}"
            yield Finding(kind=f"few_{split}_photos", value=count, bound=minimum, text=text)
    share = words["unknown_share"]
    if share > _MAX_UNKNOWN_SHARE:
        text = (
            f"{share:.0%} of the words in dev and test do not occur in train, so the model can "
            "never use them"
        )
        yield Finding(kind="unknown_words", value=share, bound=_MAX_UNKNOWN_SHARE, text=text)
    references = [len(photo.captions) for photo in photos if photo.split == "test"]
    mean = sum(references) / len(references) if references else 0.0
    if references and mean < _MIN_REFERENCES:
        text = (
            f"{mean:.1f} captions per test photo: BLEU and CIDEr-D are low with fewer than "
            f"{_MIN_REFERENCES:.0f}, and not comparable with published scores, which use 5"
        )
        yield Finding(kind="few_references", value=mean, bound=_MIN_REFERENCES, text=text)


def _unusual_captions(photos: Collection[Photo], words: Words) -> Iterator[Finding]:
    typed = count_typed_tokens(caption for photo in photos for caption in photo.captions)
    if text := explain_typed_tokens(typed):
        yield Finding(kind="typed_tokens", value=sum(typed.values()), bound=0, text=text)
    first = next((caption for photo in photos for caption in photo.captions), "")
    count = sum(len(photo.captions) for photo in photos)
    if text := explain_few_words(words["total"], count, " ".join(caption_words(first))):
        mean = words["per_caption"]
        yield Finding(kind="few_words", value=mean, bound=FEW_WORDS, text=text)
