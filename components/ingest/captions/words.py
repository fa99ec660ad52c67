"""How many words captions have, counted simply: `normalize` makes the words that are learnt."""

import html
from collections import Counter
from collections.abc import Sequence
from typing import TypedDict

import regex

from components.artifacts.manifest import Photo

# Scripts without spaces count by character, as in `normalize`.
_WORD = regex.compile(
    r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]\p{M}*"
    r"|[\p{L}\p{M}\p{Nd}\u200c\u200d]+(?:['\u2019][\p{L}\p{M}\p{Nd}]+)*"
)


class Words(TypedDict):
    """Counts of words in captions, in lower case and without punctuation.

    Attributes:
        total: All words.
        distinct: Different words.
        per_caption: The mean.
        unknown_share: Of all words in dev and test, the share that no caption of train has.
    """

    total: int
    distinct: int
    per_caption: float
    unknown_share: float


def count_words(photos: Sequence[Photo]) -> Words:
    """Counts the words of all captions.

    Args:
        photos: All photos of a manifest.
    """
    train: Counter[str] = Counter()
    held_out: Counter[str] = Counter()
    for photo in photos:
        counter = train if photo.split == "train" else held_out
        for caption in photo.captions:
            counter.update(_WORD.findall(html.unescape(caption).lower()))
    captions = sum(len(photo.captions) for photo in photos)
    total = train.total() + held_out.total()
    unknown = sum(count for word, count in held_out.items() if word not in train)
    return Words(
        total=total,
        distinct=len(train | held_out),
        per_caption=total / captions if captions else 0.0,
        unknown_share=unknown / held_out.total() if held_out else 0.0,
    )
