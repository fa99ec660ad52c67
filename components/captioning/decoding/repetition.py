"""Repetition: a sign that a decoder has lost track of the photo, as in "above above above"."""

import re
from collections.abc import Iterator, Sequence

# Only 0.6 % of Flickr8k's captions, which people wrote, repeat a sequence of three words.
_PHRASE = 3


def repeats(caption: str, train_captions: Sequence[Sequence[str]]) -> bool:
    """Returns whether a caption repeats words in a way that no train caption does.

    A repetition is one or more words that immediately follow themselves ("above above", "in a in
    a"), or three words in a row that occur twice. It is normal if a train caption repeats the same
    words, such as "a man in" in "a man in red and a man in blue".

    Args:
        caption: Normalized.
        train_captions: The normalized captions of each train photo.
    """
    # Most captions repeat nothing, so the train captions need not be searched.
    return any(
        not any(repetition.search(text) for photo in train_captions for text in photo)
        for repetition in map(re.compile, _repetitions(caption.split()))
    )


def _repetitions(words: Sequence[str]) -> Iterator[str]:
    """Yields a regular expression for each repetition in a caption."""
    for size in range(1, len(words) // 2 + 1):
        for start in range(len(words) - 2 * size + 1):
            middle = start + size
            if words[start:middle] == words[middle : middle + size]:
                part = re.escape(" ".join(words[start:middle]))
                yield f"(^| ){part} {part}( |$)"
    for start in range(len(words) - 2 * _PHRASE + 1):
        phrase = words[start : start + _PHRASE]
        rest = range(start + _PHRASE, len(words) - _PHRASE + 1)
        if any(words[later : later + _PHRASE] == phrase for later in rest):
            part = re.escape(" ".join(phrase))
            yield f"(^| ){part} (.* )?{part}( |$)"
