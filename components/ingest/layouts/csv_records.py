"""Reads the records of CSV files, also of files whose quotes are not balanced.

Python's csv module does the parsing, but on its own a quote that is never closed would swallow the
rest of the file. Here, an open quote joins lines only if the resulting record is well formed and
the joined lines contain at most one record that is complete by itself.
"""

import csv
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import NamedTuple

from components.errors import DataError

# No caption has this many lines: a quote that is still open then is an ordinary character.
_MOST_LINES = 50

IsRecord = Callable[[list[str]], bool]


class CsvRecord(NamedTuple):
    """A record of a CSV file.

    Attributes:
        number: Number of its first line, from 1.
        line: Its first line.
        fields: Its fields.
    """

    number: int
    line: str
    fields: list[str]


def csv_records(
    lines: Iterable[str], delimiter: str, columns: int, is_record: IsRecord, name: str
) -> Iterator[CsvRecord]:
    """Yields the records of a CSV file.

    Args:
        lines: The file's lines, without line ends; `_MOST_LINES` of them are in memory at a time.
        delimiter: The field delimiter; with `|`, quotes are ordinary characters, as in Flickr30k.
        columns: Number of fields in a record.
        is_record: Returns whether fields make up a record, judged by the field for the photo.
        name: The file's name, for messages.

    Raises:
        DataError: If a field is too long for the csv module (131,072 characters).
    """
    rest = iter(lines)
    window, number = deque(islice(rest, _MOST_LINES)), 1
    while window:
        used = 1
        if window[0].strip():
            try:
                used, fields = _record(window, delimiter, columns, is_record)
            except csv.Error as error:
                raise DataError(f"{name}, line {number}: {error}") from error
            yield CsvRecord(number, window[0], fields)
        for _ in range(used):
            window.popleft()
        window.extend(islice(rest, used))
        number += used


def split_fields(line: str, delimiter: str) -> list[str]:
    """Splits a single line into fields, closing a quote that is still open at its end."""
    if delimiter == "|":
        return line.split(delimiter)
    return next(csv.reader([line], delimiter=delimiter), [])


def _record(
    window: deque[str], delimiter: str, columns: int, is_record: IsRecord
) -> tuple[int, list[str]]:
    """Returns the number of lines of the record at the start of the window, and its fields."""
    line = window[0]
    if '"' not in line or delimiter == "|":
        return 1, split_fields(line, delimiter)
    if f'{delimiter} "' in line:
        # Some files have a space before an opening quote. But a caption may also begin with a
        # quoted word, so the number of fields has to be right.
        spaced = _well_formed(line, delimiter, skipinitialspace=True)
        if spaced is not None and len(spaced) == columns:
            return 1, spaced
    if (fields := _well_formed(line, delimiter)) is not None:
        return 1, fields
    alone = split_fields(line, delimiter)
    if not _closes(line, delimiter):
        # In a record over several lines, only the first or the last line has the photo's name.
        joined = line
        for used, more in enumerate(islice(window, 1, None), start=2):
            joined += "\n" + more
            if len(joined) > csv.field_size_limit():
                break
            if '"' not in more:
                if is_record(split_fields(more, delimiter)):
                    break
                continue
            fields = _well_formed(joined, delimiter)
            if fields is not None and (is_record(fields) or len(fields) == columns):
                inner = islice(window, used)
                records = sum(is_record(split_fields(one, delimiter)) for one in inner)
                if records <= 1:
                    return used, fields
                break
            if is_record(split_fields(more, delimiter)):
                break
    if is_record(alone):
        return 1, alone
    # The quote is an ordinary character.
    return 1, [field.strip('"') for field in line.split(delimiter)]


def _closes(line: str, delimiter: str) -> bool:
    try:
        next(csv.reader([line], delimiter=delimiter, strict=True))
    except csv.Error as error:
        return "unexpected end of data" not in str(error)
    return True


def _well_formed(text: str, delimiter: str, *, skipinitialspace: bool = False) -> list[str] | None:
    # Quotes inside quoted fields are doubled or escaped with a backslash.
    for escape in (None, "\\") if '\\"' in text else (None,):
        try:
            records = list(
                csv.reader(
                    [f"{line}\n" for line in text.split("\n")],
                    delimiter=delimiter,
                    doublequote=escape is None,
                    escapechar=escape,
                    skipinitialspace=skipinitialspace,
                    strict=True,
                )
            )
        except csv.Error as error:
            if "field larger" in str(error):
                raise
            continue
        if len(records) == 1:
            return records[0]
    return None
