"""Detects unusual captions: special tokens typed into them, or very few words."""

import re
from collections import Counter
from collections.abc import Iterable

# Many tutorials add such tokens to captions; some data sets were saved after that.
_OPENING = r"<\|?(?:s|start|sos|bos|begin|go|startoftext)\|?>|\[(?:cls|bos|start)\]|startseq\b"
_CLOSING = r"<\|?/?(?:s|end|eos|stop|endoftext)\|?>|\[(?:sep|eos|end)\]|\bendseq"
_TYPED = re.compile(
    rf"(?:^\W*?)({_OPENING})|({_CLOSING})(?=\W*$)|(<(?:pad|unk)>)",
    re.IGNORECASE,
)

#: Captions with fewer words on average are hardly sentences.
FEW_WORDS = 2.0


def count_typed_tokens(captions: Iterable[str]) -> dict[str, int]:
    """Counts captions with special tokens typed into them, such as `<start>` or `endseq`.

    Args:
        captions: Raw captions with HTML entities decoded.

    Returns:
        The number of captions with each token, by token in lower case, in alphabetical order.
    """
    counts: Counter[str] = Counter()
    for caption in captions:
        counts.update({match[match.lastindex or 0].lower() for match in _TYPED.finditer(caption)})
    return dict(sorted(counts.items()))


def explain_few_words(words: int, captions: int, example: str) -> str:
    """Explains why captions may have very few words; empty if they have enough.

    Args:
        words: Total number of words in normalised captions.
        captions: Number of captions.
        example: A normalised caption.
    """
    if not captions or words / captions >= FEW_WORDS:
        return ""
    return (
        f"Captions have {words / captions:.1f} words on average, such as {example[:60]!r}. Either "
        "they are labels rather than sentences, or their script has no spaces between words and is "
        "not segmented (only Chinese, Japanese, Thai, Lao, Khmer and Burmese are). Scores of such "
        "captions mean little. For another script, put spaces between the words"
    )
