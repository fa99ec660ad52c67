"""What is odd about a data set's captions: special tokens typed into them, hardly any words."""

import re
from collections import Counter
from collections.abc import Iterable

# Written out in many tutorials, and kept in data sets that were saved after that step.
_OPENING = r"<\|?(?:s|start|sos|bos|begin|go|startoftext)\|?>|\[(?:cls|bos|start)\]|startseq\b"
_CLOSING = r"<\|?/?(?:s|end|eos|stop|endoftext)\|?>|\[(?:sep|eos|end)\]|\bendseq"
_TYPED = re.compile(
    rf"(?:^\W*?)({_OPENING})|({_CLOSING})(?=\W*$)|(<(?:pad|unk)>)",
    re.IGNORECASE,
)

#: Captions of fewer words on average are hardly sentences.
FEW_WORDS = 2.0


def count_typed_tokens(captions: Iterable[str]) -> dict[str, int]:
    """Counts captions with special tokens typed into them, such as `<start>` or `endseq`.

    Args:
        captions: As people wrote them, HTML decoded.

    Returns:
        For each token, in lower case and by its name, the number of captions that have it.
    """
    counts: Counter[str] = Counter()
    for caption in captions:
        counts.update({match[match.lastindex or 0].lower() for match in _TYPED.finditer(caption)})
    return dict(sorted(counts.items()))


def explain_few_words(words: int, captions: int, example: str) -> str:
    """Says why captions have hardly any words; empty if they have enough.

    Args:
        words: In all captions together, after normalisation.
        captions: How many there are.
        example: One of them, normalised.
    """
    if not captions or words / captions >= FEW_WORDS:
        return ""
    return (
        f"Captions have {words / captions:.1f} words on average, such as {example[:60]!r}. Either "
        "they are labels rather than sentences, or they are written in a script without spaces "
        "between words that is not split (split are Chinese, Japanese, Thai, Lao, Khmer and "
        "Burmese). Scores of such captions mean little; for a script that is not split, put spaces "
        "between its words"
    )
