"""How long captions are, compared with the setting `max_words`."""

from collections.abc import Sequence
from typing import NamedTuple

from components.ingest.captions.words import Words
from components.settings.bounds import MOST_WORDS

# Largest share of captions that may be longer than `max_words`. With its default, 20, it is 1.6 %
# in Flickr8k: these are rambling captions, whose ends a model can do without. With more than twice
# that, ordinary captions lose their ends, and the model learns not to finish its sentences.
MAX_LONG_SHARE = 0.04
# Share of captions that a suggested limit leaves whole.
_WHOLE_SHARE = 0.99


class LongCaptions(NamedTuple):
    """Captions that are longer than the limit.

    Attributes:
        captions: Their number.
        share: Their share of all captions, 0 to 1.
        unit: What the limit counts, `words` or `characters`.
        enough: A limit for these captions.
        whole_share: Share of the captions that it leaves whole, 0 to 1.
    """

    captions: int
    share: float
    unit: str
    enough: int
    whole_share: float


def find_long_captions(words: Words, max_words: int) -> LongCaptions | None:
    """Returns what `max_words` truncates; None if that is at most `MAX_LONG_SHARE` of the captions.

    Args:
        words: The result of `count_words`.
        max_words: The setting.
    """
    lengths = words["lengths"]
    total, longer = sum(lengths), sum(lengths[max_words + 1 :])
    if longer <= MAX_LONG_SHARE * total:
        return None
    enough = _quantile(lengths, _WHOLE_SHARE * total)
    whole = sum(lengths[: enough + 1]) / total
    return LongCaptions(longer, longer / total, unit_of(words), enough, whole)


def unit_of(words: Words) -> str:
    """Returns what a word is in most captions: of scripts without spaces, each character is one.

    Args:
        words: The result of `count_words`.
    """
    return "characters" if words["unspaced_share"] > 1 / 2 else "words"


def _quantile(lengths: Sequence[int], count: float) -> int:
    """Returns the smallest length that at least `count` captions do not exceed."""
    so_far = 0
    for length, captions in enumerate(lengths):
        so_far += captions
        if so_far >= count:
            return min(length, MOST_WORDS)
    raise AssertionError(f"There are only {so_far} captions, not {count}")
