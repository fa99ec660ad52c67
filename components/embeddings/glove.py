"""Reads and checks word vectors in text format (GloVe, fastText, word2vec) as a stream."""

import re
from collections.abc import Collection, Iterator

import numpy as np
from numpy.typing import NDArray

from components.embeddings.source import GloveText
from components.errors import DataError

# 300 numbers take 3 kB. Bounds the memory if a file has no line breaks.
_LONGEST_LINE = 1 << 16
_BOM = b"\xef\xbb\xbf"
_UTF16_BOMS = (b"\xff\xfe", b"\xfe\xff")
_SPACES = re.compile(rb"[ \t]+")


def glove_vectors(
    text: GloveText, wanted: Collection[str]
) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """Yields each wanted word in a text once, with its vector.

    A line has a word and its numbers, separated by spaces or tabs. Words of GloVe 840B may contain
    spaces, so numbers are counted from the right. The first line determines their count. A header
    (count and dimension, as in word2vec and fastText), a byte order mark and blank lines are
    skipped. The format of all lines is checked, but numbers are parsed for wanted words only. If a
    word is repeated, its first vector counts.

    Args:
        text: The open text; it is read line by line, to its end.
        wanted: Words without spaces.

    Yields:
        A word and its vector, float32 of shape [E].

    Raises:
        DataError: If a line is invalid; the message has its number.
    """
    missing = {word.encode(): word for word in wanted}
    width = number = 0
    while line := text.file.readline(_LONGEST_LINE):
        number += 1
        try:
            if len(line) == _LONGEST_LINE:
                raise ValueError(f"a line must be shorter than {_LONGEST_LINE} bytes")
            if number == 1:
                if line.startswith(_UTF16_BOMS):
                    raise ValueError("must be UTF-8, but is UTF-16: save the file as UTF-8")
                line = line.removeprefix(_BOM)
            line = line.rstrip()
            if b"\t" in line or b"  " in line:
                line = _SPACES.sub(b" ", line)
            if not line:
                continue
            if not width:
                width, is_header = _first_line(line)
                if is_header:
                    continue
            word = _word(line, width)
            if word in missing:
                yield missing.pop(word), _vector(line[len(word) + 1 :])
        except ValueError as error:
            raise DataError(f"{text.name}, line {number}: {error}") from error
    if not width:
        raise DataError(f"{text.name} is empty: it must contain word vectors")


def _first_line(line: bytes) -> tuple[int, bool]:
    """Returns the dimension of the vectors, and whether this line is a header."""
    fields = line.split(b" ")
    if len(fields) == 2 and all(field.isdigit() for field in fields):
        return int(fields[1]), True
    # The word may be a number itself.
    width = min(_count_numbers(fields), len(fields) - 1)
    if not width:
        raise ValueError(f"must be a word and its numbers. Received: {_shown(line)}")
    return width, False


def _word(line: bytes, width: int) -> bytes:
    if line.count(b" ") == width:
        word = line.partition(b" ")[0]
    else:
        word, *numbers = line.rsplit(b" ", width)
        # If the word ends with a number, the line has too many numbers.
        if len(numbers) < width or _is_number(word.rpartition(b" ")[2]):
            received = _count_numbers(line.split(b" ")[1:])
            raise ValueError(
                f"must be a word and {width} numbers, as in the first line. "
                f"Received {received} numbers: {_shown(line)}"
            )
    try:
        word.decode()
    except UnicodeDecodeError:
        raise ValueError(f"must be UTF-8. Received: {_shown(line)}") from None
    return word


def _vector(numbers: bytes) -> NDArray[np.float32]:
    fields = numbers.split(b" ")
    try:
        # Numbers beyond the range of float32 become infinite, which is checked below.
        with np.errstate(over="ignore"):
            vector = np.array(fields, np.float32)
    except ValueError:
        wrong = next(field for field in fields if not _is_number(field))
        raise ValueError(f"must be numbers after the word. Received: {_shown(wrong)}") from None
    finite = np.isfinite(vector)
    if not finite.all():
        wrong = fields[int(np.argmin(finite))]
        raise ValueError(f"must be finite numbers. Received: {_shown(wrong)}")
    return vector


def _is_number(field: bytes) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True


def _count_numbers(fields: list[bytes]) -> int:
    """Returns the number of consecutive numeric fields at the end."""
    count = 0
    for field in reversed(fields):
        if not _is_number(field):
            break
        count += 1
    return count


def _shown(raw: bytes) -> str:
    text = raw.decode(errors="replace")
    return repr(text if len(text) <= 40 else f"{text[:40]}…")
