"""Mistakes in captions by kind, detected by comparing their words with those of the references.

The photo itself is not considered: a word in no reference may still be correct, and a caption with
correct words may still be wrong. Over many captions, the kinds nevertheless show the weaknesses of
a model. The closest measure in the literature is object hallucination (Rohrbach et al., 2018,
arXiv:1809.02156), which needs a list of the objects in each photo.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from statistics import median
from typing import Final

from components.captioning.metrics.word_classes import COLOURS, is_content, is_number, is_plural_of

#: The kinds and their meanings, in the order in which they are reported.
KINDS: Final = {
    "exact": "identical to a reference",
    "reworded": "not identical to a reference, but without mistakes",
    "colour": "has a colour that is in no reference",
    "number": "has a number that is in no reference, or a singular for a plural or vice versa",
    "invented": "has another content word that is in no reference",
    "missed": "lacks a content word that is in most references",
    "repeated": "repeats words that no reference repeats",
    "short": "has less than half the median length of the references",
}


def find_mistakes(caption: str, references: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Returns the mistakes in a caption.

    Content words are all words except function words, see `word_classes`. A caption that is not
    identical to a reference can have the following mistakes:

    1. `colour`: colours that are in no reference.
    2. `number`: numbers from two on that are in no reference; or content words that the references
       have only in the other grammatical number.
    3. `invented`: other content words that are in no reference.
    4. `missed`: content words of more than half of the references that the caption has neither in
       singular nor in plural.
    5. `repeated`: words repeated immediately ("in the in the"), or a content word of the references
       that occurs more often than in any of them. The latter is what BLEU clips (Papineni et al.,
       2002).
    6. `short`: less than half the median length of the references.

    A caption may have mistakes of several kinds. If it has none, it is `reworded`.

    Args:
        caption: Normalized: lower-case words separated by single spaces.
        references: At least one normalized reference of the same photo.

    Returns:
        The words that are evidence of each kind, without duplicates, by kind in the order of
        `KINDS`; no words for `exact`, `reworded` and `short`.

    Raises:
        ValueError: If there is no reference.
    """
    if not references:
        raise ValueError("There must be at least one reference. Received: none")
    if caption in references:
        return {"exact": ()}
    words = caption.split()
    split_references = [reference.split() for reference in references]
    unsupported = _unsupported(words, split_references)
    found = {
        "colour": tuple(word for word in unsupported if word in COLOURS),
        "number": tuple(word for word in unsupported if _is_number_error(word, split_references)),
        "missed": tuple(_missed(words, split_references)),
        "repeated": tuple(dict.fromkeys(_repeated(words, split_references))),
    }
    classified = found["colour"] + found["number"]
    found["invented"] = tuple(word for word in unsupported if word not in classified)
    mistakes = {kind: found[kind] for kind in KINDS if found.get(kind)}
    if len(words) < median(map(len, split_references)) / 2:
        mistakes["short"] = ()
    return mistakes or {"reworded": ()}


def _unsupported(words: list[str], references: list[list[str]]) -> list[str]:
    """Returns the content words that are in no reference, without duplicates."""
    supported = {word for reference in references for word in reference}
    return [word for word in dict.fromkeys(words) if is_content(word) and word not in supported]


def _is_number_error(word: str, references: list[list[str]]) -> bool:
    return is_number(word) or any(
        is_plural_of(word, other) or is_plural_of(other, word)
        for reference in references
        for other in reference
    )


def _missed(words: list[str], references: list[list[str]]) -> Iterator[str]:
    counts = Counter(word for reference in references for word in dict.fromkeys(reference))
    for word, count in counts.items():
        present = any(
            word == other or is_plural_of(word, other) or is_plural_of(other, word)
            for other in words
        )
        if 2 * count > len(references) and is_content(word) and not present:
            yield word


def _repeated(words: list[str], references: list[list[str]]) -> Iterator[str]:
    # Delimited by spaces, so that parts of words do not match.
    texts = [f" {' '.join(reference)} " for reference in references]
    for length in range(1, len(words) // 2 + 1):
        for start in range(len(words) - 2 * length + 1):
            phrase, following = words[start : start + length], words[start + length :][:length]
            doubled = f" {' '.join(phrase + following)} "
            if phrase == following and not any(doubled in text for text in texts):
                yield " ".join(phrase)
    for word, count in Counter(words).items():
        maximum = max(reference.count(word) for reference in references)
        if is_content(word) and 0 < maximum < count:
            yield word
