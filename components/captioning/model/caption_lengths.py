"""How long captions are, compared with the setting `max_words`.

`trigger` warns of captions that training will truncate, and `evaluate` reports them; `ingest` knows
the lengths, but its result does not depend on the setting. It needs no TensorFlow.
"""

from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

from components.settings.bounds import MOST_WORDS

# Largest share of captions that may be longer than `max_words`. With its default, 20, it is 1.6 %
# in Flickr8k: these are rambling captions, whose ends a model can do without. With more than twice
# that, ordinary captions lose their ends, and the model learns not to finish its sentences.
_MAX_LONG_SHARE = 0.04
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


def find_long_captions(
    lengths: Sequence[int], unspaced_share: float, max_words: int
) -> LongCaptions | None:
    """Returns what `max_words` truncates; None if that is only a few percent of the captions.

    Args:
        lengths: Number of captions with no word, with one word, with two words and so on.
        unspaced_share: As for `unit_of`.
        max_words: The setting.
    """
    total, longer = sum(lengths), sum(lengths[max_words + 1 :])
    if longer <= _MAX_LONG_SHARE * total:
        return None
    enough = _quantile(lengths, _WHOLE_SHARE * total)
    whole = sum(lengths[: enough + 1]) / total
    return LongCaptions(longer, longer / total, unit_of(unspaced_share), enough, whole)


def explain_long_captions(lengths: Sequence[int], unspaced_share: float, max_words: int) -> str:
    """Says how many captions `max_words` truncates, and what to do; empty if they are few.

    The arguments are those of `find_long_captions`.
    """
    long = find_long_captions(lengths, unspaced_share, max_words)
    if long is None:
        return ""
    text = (
        f"{long.share:.0%} of the captions ({long.captions:,}) have more than {max_words} "
        f"{long.unit}: training truncates them, and the model generates none that are longer"
    )
    # Not if the limit is the highest one allowed.
    if long.enough > max_words:
        text += f". With --max-words {long.enough}, {long.whole_share:.0%} of them fit"
    if long.unit == "characters":
        text += ". --max-words counts characters, since this script has no spaces between words"
    return text


def unit_of(unspaced_share: float) -> str:
    """Returns what most words of the captions are: `words`, or `characters`.

    Args:
        unspaced_share: Share of the words that are single characters of scripts without spaces
            between words, such as Chinese, 0 to 1.
    """
    return "characters" if unspaced_share > 1 / 2 else "words"


def _quantile(lengths: Sequence[int], count: float) -> int:
    """Returns the smallest length that at least `count` captions do not exceed, if allowed."""
    not_longer = accumulate(lengths)
    return min(next(length for length, n in enumerate(not_longer) if n >= count), MOST_WORDS)
