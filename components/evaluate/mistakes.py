"""The report's table of mistakes by kind."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from components.captioning.metrics.mistakes import KINDS, find_mistakes

# Number of mistaken words shown for each kind.
_WORDS = 6


@dataclass(frozen=True, slots=True)
class MistakeKind:
    """The captions with mistakes of a kind.

    Attributes:
        name: The kind, see `KINDS`.
        meaning: Its meaning.
        captions: Number of captions.
        share: Share of all captions, 0 to 1.
        words: The most frequent mistaken words, with the number of captions.
        example: A caption with this mistake and as few others as possible; empty if there is none.
    """

    name: str
    meaning: str
    captions: int
    share: float
    words: list[tuple[str, int]]
    example: str


def count_mistakes(
    captions: Sequence[str],
    references: Sequence[Sequence[str]],
    language: str,
    detokenize: Callable[[str], str] = str,
) -> list[MistakeKind]:
    """Counts captions by kind of mistake.

    Args:
        captions: The normalized captions of N photos.
        references: Each photo's normalized references, at least one.
        language: The captions' language, a BCP 47 tag.
        detokenize: Turns a caption's words into ordinary text.

    Returns:
        All kinds in the order of `KINDS`. Empty unless the captions are known to be in English,
        because the kinds rely on English word classes.
    """
    # A tag may have a region: en-GB.
    if language.partition("-")[0] != "en":
        return []
    found = [
        find_mistakes(caption, photo) for caption, photo in zip(captions, references, strict=True)
    ]
    # By increasing number of kinds, so that the first example of a kind is the clearest.
    order = sorted(range(len(found)), key=lambda index: len(found[index]))
    kinds = []
    for name, meaning in KINDS.items():
        having = [index for index in order if name in found[index]]
        words = Counter(word for index in having for word in found[index][name])
        example = detokenize(captions[having[0]]) if having else ""
        kinds.append(
            MistakeKind(
                name,
                meaning,
                len(having),
                len(having) / len(captions),
                words.most_common(_WORDS),
                example,
            )
        )
    return kinds
