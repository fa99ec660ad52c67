"""Counts the words of captions by the normalizer's rules, but without importing TensorFlow."""

import html
from collections import Counter
from collections.abc import Collection
from typing import TypedDict

import regex

from components.artifacts.manifest import Photo
from components.captioning.model.characters import (
    APOSTROPHES,
    INVISIBLE,
    JOINERS,
    LETTERS,
    UNSPACED,
    UNSPACED_CHARACTER,
)

_DROPPED = regex.compile(
    rf"[{INVISIBLE}]+|(?<=[{LETTERS}])[{APOSTROPHES}']+|(?<=[\p{{Latin}}\p{{Nd}}])[{JOINERS}]+"
)
# A word begins with a letter or digit, not with a combining mark.
_WORD = regex.compile(
    rf"{UNSPACED_CHARACTER}"
    rf"|[[{LETTERS}]--[{UNSPACED}\p{{M}}]][[{LETTERS}{JOINERS}]--[{UNSPACED}]]*",
    regex.VERSION1,
)


_UNSPACED = regex.compile(UNSPACED_CHARACTER)


class Words(TypedDict):
    """Counts of the words in captions, in lower case and without punctuation.

    Attributes:
        total: Number of words.
        distinct: Number of distinct words.
        per_caption: Mean number of words per caption.
        unknown_share: Share of the words in dev and test that do not occur in train, 0 to 1.
        unspaced_share: Share of the words that are single characters of scripts without spaces
            between words, such as Chinese, 0 to 1.
        lengths: Number of captions with no word, with one word, with two words and so on.
    """

    total: int
    distinct: int
    per_caption: float
    unknown_share: float
    unspaced_share: float
    lengths: list[int]


def count_words(photos: Collection[Photo]) -> Words:
    """Counts the words of all captions.

    Args:
        photos: All photos of a manifest.
    """
    train: Counter[str] = Counter()
    held_out: Counter[str] = Counter()
    lengths: Counter[int] = Counter()
    for photo in photos:
        counter = train if photo.split == "train" else held_out
        for caption in photo.captions:
            words = caption_words(caption)
            counter.update(words)
            lengths[len(words)] += 1
    captions, everything = lengths.total(), train + held_out
    total = everything.total()
    unspaced = sum(count for word, count in everything.items() if _UNSPACED.match(word))
    unknown = sum(count for word, count in held_out.items() if word not in train)
    return Words(
        total=total,
        distinct=len(everything),
        per_caption=total / captions if captions else 0.0,
        unknown_share=unknown / held_out.total() if held_out else 0.0,
        unspaced_share=unspaced / total if total else 0.0,
        lengths=[lengths[length] for length in range(max(lengths, default=-1) + 1)],
    )


def caption_words(caption: str) -> list[str]:
    """Splits a caption into words like the normalizer.

    Args:
        caption: The raw caption.
    """
    # Unescaped twice, as in the normalizer: doubly escaped captions contain `&amp;#39;`.
    text = html.unescape(html.unescape(caption)).lower()
    return [word.rstrip(JOINERS) for word in _WORD.findall(_DROPPED.sub("", text))]
