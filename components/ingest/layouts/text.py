"""Reads the text files of a data set: UTF-8 or UTF-16, with any line endings."""

import codecs
import io
import re
from collections.abc import Iterator
from pathlib import Path

from charset_normalizer import from_bytes

from components.errors import DataError

#: Largest text file that is read. COCO's captions have 90 MB.
MAX_BYTES = 1 << 30
_GUESSED_FROM = 1 << 16
# Bytes from which an encoding without a byte order mark is detected.
_DETECTED_FROM = 64
# Legacy encodings of Western Europe, China, Japan, Korea, Taiwan (and Hong Kong) and Russia.
_GUESSES = ["cp1252", "gb18030", "cp932", "cp949", "big5hkscs", "cp1251"]

_MARKS = (  # UTF-32's mark begins with UTF-16's
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def read_text(path: Path) -> str:
    """Reads a text file, normalizes its line endings and removes a byte order mark.

    Raises:
        DataError: If the file is too large, or not UTF-8 or UTF-16 text.
    """
    _refuse_large(path)
    return io.StringIO(decode(path.read_bytes(), path.name), newline=None).read()


def decode(content: bytes, name: str) -> str:
    """Decodes a text according to its byte order mark.

    Without one, it is decoded as UTF-16 if it has many zero bytes, else as UTF-8.

    Args:
        content: The whole file.
        name: The file's name, for the message.

    Raises:
        DataError: If the content is not text in that encoding.
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
    """Returns the likely encoding, how the given line reads in it, and the command to convert."""
    guess = from_bytes(content[:_GUESSED_FROM], cp_isolation=_GUESSES).best()
    encoding = guess.encoding if guess else _GUESSES[0]
    lines = content.decode(encoding, errors="replace").splitlines()
    shown = f", and line {line} reads {lines[line - 1][:40]!r}" if line <= len(lines) else ""
    command = f"iconv -f {encoding.upper()} -t UTF-8 OLD > NEW"
    return f"It may be {encoding}{shown}. To convert it: {command}"


def read_start(path: Path, most: int) -> str:
    """Returns a file's first bytes as text, with U+FFFD for bytes that can't be decoded."""
    with path.open("rb") as file:
        start = file.read(most)
    return start.decode(_encoding(start), errors="replace")


def first_line(path: Path, most: int = 4096, skip: re.Pattern[str] | None = None) -> str:
    """Returns the first line of a file that is not blank, possibly truncated; empty if none.

    Args:
        path: The file.
        most: Largest number of bytes to read.
        skip: Pattern of lines to skip.
    """
    text = read_start(path, most)
    lines = (line for line in text.splitlines() if line.strip())
    return next((line for line in lines if skip is None or not skip.fullmatch(line)), "")


def numbered_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yields the lines of a text that are not blank, each with its line number, from 1.

    Raises:
        DataError: As `read_text`.
    """
    return ((number, line) for number, line in enumerate(text_lines(path), 1) if line.strip())


def text_lines(path: Path) -> Iterator[str]:
    """Yields the lines of a text without their ends; only one line is in memory at a time.

    Raises:
        DataError: As `read_text`.
    """
    _refuse_large(path)
    with path.open("rb") as start:
        encoding = _encoding(start.read(_DETECTED_FROM))
    try:
        # Reads any line ending as "\n", like `read_text`.
        with path.open(encoding=encoding, newline=None) as file:
            for line in file:
                yield line.removesuffix("\n")
    except UnicodeDecodeError:
        decode(path.read_bytes(), path.name)  # raises an error that shows the line
        raise


def _refuse_large(path: Path) -> None:
    if (size := path.stat().st_size) > MAX_BYTES:
        raise DataError(f"{path.name} has {size >> 20} MB; at most {MAX_BYTES >> 20} MB are read")


def _encoding(content: bytes) -> str:
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return encoding
    # UTF-16 without a byte order mark: in mostly Latin text, every other byte is zero.
    start = content[:_DETECTED_FROM]
    odd, even = start[1::2].count(0), start[::2].count(0)
    if max(odd, even) * 3 > len(start):
        return "utf-16-le" if odd > even else "utf-16-be"
    return "utf-8-sig"
