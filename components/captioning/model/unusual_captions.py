"""Detects unusual captions: special tokens typed into them, or very few words.

`ingest` and `normalize` both report them. It needs no TensorFlow.
"""

import html
import re
from collections import Counter
from collections.abc import Iterable, Mapping

# Many tutorials add such tokens to captions, and some data sets were saved with them.
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
        captions: As people wrote them.

    Returns:
        The number of captions with each token, by token in lower case, in alphabetical order.
    """
    counts: Counter[str] = Counter()
    for caption in captions:
        # Twice, as in the normalizer: captions that passed through two web pages say `&amp;lt;`.
        text = html.unescape(html.unescape(caption))
        counts.update({match[match.lastindex or 0].lower() for match in _TYPED.finditer(text)})
    return dict(sorted(counts.items()))


def explain_typed_tokens(counts: Mapping[str, int]) -> str:
    """Says which special tokens captions contain, and what to do; empty if they contain none.

    Args:
        counts: From `count_typed_tokens`.
    """
    if not counts:
        return ""
    found = ", ".join(f"{token} in {count:,}" for token, count in counts.items())
    return (
        f"Captions contain special tokens as text: {found}. They count as words in training and "
        "scores; remove them from the captions"
    )


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
