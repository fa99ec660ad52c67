"""Normalizes Unicode to its composed form (NFC) in linear time, even for hostile text."""

import re
import unicodedata

# No writing system has more marks on a letter: UAX #15, section 13, "Stream-Safe Text Format".
_MOST_MARKS = 30
_RUN = re.compile(rf"[^\x00-\u02ff]{{{_MOST_MARKS + 1},}}")


def compose(text: str) -> str:
    """Composes letters and their combining marks (NFC).

    Only the first 30 marks of each letter are kept. Sorting a letter's marks takes time quadratic
    in their number: a megabyte of them would take an hour.
    """
    return unicodedata.normalize("NFC", _RUN.sub(_limit, text))


def _limit(run: re.Match[str]) -> str:
    kept, marks = [], 0
    for character in run[0]:
        marks = marks + 1 if unicodedata.combining(character) else 0
        if marks <= _MOST_MARKS:
            kept.append(character)
    return "".join(kept)
