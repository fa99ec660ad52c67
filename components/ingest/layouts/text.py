"""Text files of a data set: UTF-8 or UTF-16, whatever their line ends."""

import codecs
import io
import re
from collections.abc import Iterator
from pathlib import Path

from charset_normalizer import from_bytes

from components.errors import DataError

#: COCO's captions have 90 MB.
MAX_BYTES = 1 << 30
_GUESSED_FROM = 1 << 16
# Windows in Western Europe, China, Japan, Korea, Taiwan and Russia.
_GUESSES = ["cp1252", "gb18030", "cp932", "cp949", "big5hkscs", "cp1251"]

_MARKS = (  # UTF-32's mark begins with UTF-16's
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def read_text(path: Path) -> str:
    """Reads a text file with its line ends made alike, and without a byte order mark.

    Raises:
        DataError: If it is too large, or no text in UTF-8 or UTF-16.
    """
    if (size := path.stat().st_size) > MAX_BYTES:
        raise DataError(f"{path.name} has {size >> 20} MB; at most {MAX_BYTES >> 20} MB are read")
    return io.StringIO(decode(path.read_bytes(), path.name), newline=None).read()


def decode(content: bytes, name: str) -> str:
    """Decodes a text by its byte order mark, else as UTF-8, or UTF-16 if it is full of zeros.

    Args:
        content: The whole file.
        name: The file's name, for the message.

    Raises:
        DataError: If it is no such text.
    """
    try:
        return content.decode(_encoding(content))
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        around = content[max(0, error.start - 20) : error.start + 20]
        raise DataError(
            f"{name} must be UTF-8 text (or UTF-16 with a byte order mark). Line {line} has the "
            f"bytes {around!r}. {_advice(content, line)}"
        ) from error


def _advice(content: bytes, line: int) -> str:
    """Says how to convert a text, by what its encoding seems to be, and what a line then reads."""
    guess = from_bytes(content[:_GUESSED_FROM], cp_isolation=_GUESSES).best()
    encoding = guess.encoding if guess else _GUESSES[0]
    lines = content.decode(encoding, errors="replace").splitlines()
    shown = f", and line {line} reads {lines[line - 1][:40]!r}" if line <= len(lines) else ""
    command = f"iconv -f {encoding.upper()} -t UTF-8 OLD > NEW"
    return f"It may be {encoding}{shown}. To convert it: {command}"


def read_start(path: Path, most: int) -> str:
    """Returns the text of a file's first bytes, with marks where they are no text."""
    with path.open("rb") as file:
        start = file.read(most)
    return start.decode(_encoding(start), errors="replace")


def first_line(path: Path, most: int = 4096, skip: re.Pattern[str] | None = None) -> str:
    """Returns a file's first line that is not blank, as far as it can be told from its start.

    Args:
        path: The file.
        most: How many bytes are read.
        skip: Lines that do not count.
    """
    text = read_start(path, most)
    lines = (line for line in text.splitlines() if line.strip())
    return next((line for line in lines if skip is None or not skip.fullmatch(line)), "")


def numbered_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yields a text's lines that are not blank, each with its number from 1.

    Raises:
        DataError: As `read_text`.
    """
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        if line.strip():
            yield number, line


def _encoding(content: bytes) -> str:
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return encoding
    # Without a mark, every other byte of mostly Latin text is zero in UTF-16.
    start = content[:64]
    odd, even = start[1::2].count(0), start[::2].count(0)
    if max(odd, even) * 3 > len(start):
        return "utf-16-le" if odd > even else "utf-16-be"
    return "utf-8-sig"
