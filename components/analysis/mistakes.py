"""What is amiss with a caption, told from its words and those of its photo's references alone.

Nobody looks at the photo here: what no reference says may still be true of it, and words that are
all there may be put together wrongly. Over many captions the kinds show all the same where a model
is weak. The closest in the literature are the object hallucinations of Rohrbach et al. (2018,
arXiv:1809.02156), which need a list of the objects in each photo.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from statistics import median
from typing import Final

from components.analysis.word_classes import COLOURS, is_content, is_number, is_plural_of

#: The kinds and what they mean, in the order in which they are told.
KINDS: Final = {
    "exact": "word for word one of the references",
    "reworded": "no reference, but nothing is amiss",
    "colour": "names a colour that no reference names",
    "number": "names a number that no reference names, or says one where they say several",
    "invented": "says any other content word that no reference says",
    "missed": "lacks a content word that most references say",
    "repeated": "says something again that no reference says again",
    "short": "has less than half the words of the reference of median length",
}


def find_mistakes(caption: str, references: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Tells what is amiss with a caption.

    Content words are all but those of the closed classes, see `word_classes`. Of a caption that
    is no reference word for word:

    1. `colour`: it has colours that no reference has.
    2. `number`: it has numbers from two on that no reference has; or content words that no
       reference has but in the other of singular and plural.
    3. `invented`: it has other content words that no reference has.
    4. `missed`: it lacks content words, in singular and plural both, that more than half of the
       references have.
    5. `repeated`: some of its words stand twice in a row, one after the other ("in the in the"),
       or a content word of the references stands more often than in any one of them. The latter
       is what BLEU clips (Papineni et al., 2002).
    6. `short`: it has less than half the words of the references' median.

    A caption may have several kinds of errors. If it has none, it is `reworded`.

    Args:
        caption: Normalised: lower-case words with one space between them.
        references: Likewise, of the same photo; at least one.

    Returns:
        The words that show each kind, each word once, by kind in the order of `KINDS`; no words
        for `exact`, `reworded` and `short`.

    Raises:
        ValueError: If there is no reference.
    """
    if not references:
        raise ValueError("A caption can only be compared with references. Received: none")
    if caption in references:
        return {"exact": ()}
    words = caption.split()
    known = [reference.split() for reference in references]
    unsaid = _unsaid(words, known)
    found = {
        "colour": tuple(word for word in unsaid if word in COLOURS),
        "number": tuple(word for word in unsaid if _is_number_error(word, known)),
        "missed": tuple(_missed(words, known)),
        "repeated": tuple(dict.fromkeys(_repeated(words, known))),
    }
    named = found["colour"] + found["number"]
    found["invented"] = tuple(word for word in unsaid if word not in named)
    errors = {kind: found[kind] for kind in KINDS if found.get(kind)}
    if len(words) < median(map(len, known)) / 2:
        errors["short"] = ()
    return errors or {"reworded": ()}


def _unsaid(words: list[str], known: list[list[str]]) -> list[str]:
    said = {word for reference in known for word in reference}
    return [word for word in dict.fromkeys(words) if is_content(word) and word not in said]


def _is_number_error(word: str, known: list[list[str]]) -> bool:
    return is_number(word) or any(
        is_plural_of(word, other) or is_plural_of(other, word)
        for reference in known
        for other in reference
    )


def _missed(words: list[str], known: list[list[str]]) -> Iterator[str]:
    counts = Counter(word for reference in known for word in dict.fromkeys(reference))
    for word, count in counts.items():
        said = any(
            word == other or is_plural_of(word, other) or is_plural_of(other, word)
            for other in words
        )
        if 2 * count > len(known) and is_content(word) and not said:
            yield word


def _repeated(words: list[str], known: list[list[str]]) -> Iterator[str]:
    # Between spaces, so that no part of a word matches.
    said = [f" {' '.join(reference)} " for reference in known]
    for length in range(1, len(words) // 2 + 1):
        for start in range(len(words) - 2 * length + 1):
            once, again = words[start : start + length], words[start + length :][:length]
            twice = f" {' '.join(once + again)} "
            if once == again and not any(twice in reference for reference in said):
                yield " ".join(once)
    for word, count in Counter(words).items():
        most = max(reference.count(word) for reference in known)
        if is_content(word) and 0 < most < count:
            yield word
