"""CSV tables of captions: Kaggle's Flickr8k, Flickr30k's `results.csv`, and users' own tables."""

import re
from collections import Counter
from collections.abc import Iterable
from itertools import islice
from pathlib import PurePosixPath

from components.errors import DataError
from components.ingest.files.data_files import IMAGE_SUFFIXES, DataFiles, is_hidden, photo_path
from components.ingest.files.names import Level, comparable
from components.ingest.layouts.caption_file import CaptionFile, CaptionRow, Layout
from components.ingest.layouts.caption_rows import CaptionRows
from components.ingest.layouts.csv_records import csv_records, split_fields
from components.ingest.layouts.fields import Columns, find_columns
from components.ingest.layouts.list_cells import split_list
from components.ingest.layouts.split_fields import SplitFields, with_split_field
from components.ingest.layouts.split_words import note_split
from components.ingest.layouts.text import first_line, text_lines

_SUFFIXES = (".csv", ".tsv", ".txt")
# Excel declares the delimiter in a line before the header.
_EXCEL_LINE = re.compile(r'"?sep=."?\s*', re.IGNORECASE)
_DELIMITERS = (",", "\t", ";", "|")
_LONGEST_ROW = 1 << 16
# No photo's name contains more delimiters than this.
_MOST_IN_NAME = 10
# Line 19,999 of Flickr30k's results.csv lacks a delimiter: `2199200615.jpg| 4   A dog runs …`.
_NUMBER_AND_COMMENT = re.compile(r"\s*\d+\s+(?P<comment>\D.*)", re.DOTALL)


def find(files: DataFiles) -> list[str]:
    """Returns the tables whose header has a column for photos and one for captions."""
    return [name for name in tables(files) if header_of(files, name)[1].captions]


def tables(files: DataFiles) -> list[str]:
    """Returns all tables with a column for photos, and one for captions or for splits."""
    return [
        name
        for name in files.paths
        if name.lower().endswith(_SUFFIXES) and not is_hidden(name) and _header(files, name)
    ]


def header_of(files: DataFiles, name: str) -> tuple[str, Columns]:
    """Returns a table's delimiter and columns.

    Raises:
        DataError: If the file is not such a table.
    """
    if (header := _header(files, name)) is None:
        raise DataError(f"{name} must begin with the names of its columns, such as image,caption")
    return header


def _header(files: DataFiles, name: str) -> tuple[str, Columns] | None:
    line = first_line(files.paths[name], skip=_EXCEL_LINE)
    for delimiter in _DELIMITERS:
        if delimiter in line and (columns := find_columns(split_fields(line, delimiter))):
            return delimiter, columns
    return None


def read(name: str, files: DataFiles) -> CaptionFile:
    """Reads a table's captions, and its splits if it has a column for them.

    Args:
        name: The table's path below the data set.
        files: All files, needed to recognise photos' names with unquoted commas.

    Raises:
        DataError: If a line is broken.
    """
    delimiter, columns = header_of(files, name)
    path = files.paths[name]
    rows = CaptionRows()
    splits: dict[str, str] = {}
    notes: Counter[str] = Counter()
    others = SplitFields()
    row_names = int(_has_row_names(text_lines(path), delimiter, columns, files))
    if row_names:
        columns = columns.after_row_names()
    reader = _Reader(files, columns, delimiter)
    header: list[str] | None = None
    lines = text_lines(path)
    for number, line, fields in csv_records(
        lines, delimiter, columns.count, reader.is_record, name
    ):
        if header is None:
            if not _EXCEL_LINE.fullmatch(line):
                header = row_names * [""] + _stripped(fields)
            continue
        if _stripped(fields) == header[row_names:]:
            notes["repeated header lines, as in merged tables, skipped: {}"] += 1
            continue
        whole, mended = reader.aligned(fields)
        if whole is None:
            raise DataError(
                f"{name}, line {number}: must have the columns {delimiter.join(header)}. "
                f"Found: {line[:80]!r}. Correct or remove the line"
            )
        if mended:
            notes["lines without a delimiter after the caption's number, corrected: {}"] += 1
        photo = photo_path(whole[columns.photo])
        rows.extend(
            CaptionRow(photo, text)
            for place in columns.captions
            for text in split_list(whole[place])
        )
        if columns.split is not None and columns.split < len(whole):
            note_split(splits, photo, whole[columns.split], f"{name}, line {number}")
        else:
            taken = (columns.photo, *columns.captions)
            cells = zip(header, whole, strict=False)
            others.add(photo, {f: v for at, (f, v) in enumerate(cells) if at not in taken})
    file = CaptionFile(
        "csv",
        name,
        rows,
        splits,
        f"the column `{(header or [''])[columns.split]}`" if columns.split is not None else "",
        tuple(f"{name}: {note.format(count)}" for note, count in notes.items()),
    )
    return with_split_field(file, others)


def _has_row_names(
    lines: Iterable[str], delimiter: str, columns: Columns, files: DataFiles
) -> bool:
    """Returns whether rows begin with a number that has no header, as from R's `write.table`."""
    rows = (line for line in lines if line.strip() and not _EXCEL_LINE.fullmatch(line))
    # The csv module refuses longer fields.
    row = next(islice(rows, 1, None), "")[:_LONGEST_ROW]
    first = [field.strip(' "') for field in split_fields(row, delimiter)]
    if len(first) != columns.count + 1 or not first[0].isdecimal():
        return False
    photo = photo_path(first[columns.photo + 1])
    # `1,a.jpg` may also be the name of a photo.
    with_comma = photo_path(delimiter.join(first[columns.photo : columns.photo + 2]))
    return PurePosixPath(photo).suffix.lower() in IMAGE_SUFFIXES and not (
        files.index.ending_with(with_comma, Level.CASE)
    )


def _stripped(fields: list[str]) -> list[str]:
    return [field.strip("\ufeff \t\"'").lower() for field in fields]


class _Reader:
    """Assigns fields to columns in records that have too many or too few fields."""

    def __init__(self, files: DataFiles, columns: Columns, delimiter: str) -> None:
        self._files = files
        self._columns = columns
        self._delimiter = delimiter

    def is_record(self, fields: list[str]) -> bool:
        """Returns whether the photo's column contains a photo's name."""
        whole, _ = self.aligned(fields)
        return whole is not None and self._is_photo(whole[self._columns.photo])

    def aligned(self, fields: list[str]) -> tuple[list[str] | None, bool]:
        """Returns a record with one field per column, and whether it had to be repaired.

        The record is None if a required column is missing.
        """
        columns, mended = self._columns, False
        if len(fields) < columns.count and len(columns.captions) == 1:
            fields, mended = self._with_delimiter(fields)
        extra = len(fields) - columns.count
        if extra > 0:
            fields = self._without_extra(fields, extra)
        needed = max(columns.photo, *columns.captions) if columns.captions else columns.photo
        if len(fields) <= needed or not photo_path(fields[columns.photo]):
            return None, False
        return fields, mended

    def _with_delimiter(self, fields: list[str]) -> tuple[list[str], bool]:
        place = self._columns.captions[0] - 1
        if place != len(fields) - 1 or place <= self._columns.photo:
            return fields, False
        match = _NUMBER_AND_COMMENT.fullmatch(fields[place])
        return ([*fields[:place], "", match["comment"]], True) if match else (fields, False)

    def _without_extra(self, fields: list[str], extra: int) -> list[str]:
        # An unquoted delimiter belongs to the photo's name if there is such a file, or if the name
        # has an image file extension only with it. Otherwise it belongs to the caption.
        photo, most = self._columns.photo, min(extra, _MOST_IN_NAME)
        for joined in range(most, -1, -1):
            whole = self._with_name(fields, joined, extra)
            name = whole[photo]
            if self._files.index.ending_with(photo_path(name) or name, Level.CASE):
                return whole
        for joined in range(most + 1):
            whole = self._with_name(fields, joined, extra)
            if self._is_photo(whole[photo]):
                return whole
        return self._with_name(fields, 0, extra)

    def _with_name(self, fields: list[str], joined: int, extra: int) -> list[str]:
        """Returns a record with `joined` extra delimiters merged into the photo's name.

        The others are merged into the caption if there is exactly one caption column.
        """
        photo, captions = self._columns.photo, self._columns.captions
        places = {photo: joined} | ({captions[0]: extra - joined} if len(captions) == 1 else {})
        for place, more in sorted(places.items()):
            fields = self._merge(fields, place, more)
        return fields

    def _merge(self, fields: list[str], place: int, extra: int) -> list[str]:
        end = place + extra + 1
        return [*fields[:place], self._delimiter.join(fields[place:end]), *fields[end:]]

    def _is_photo(self, text: str) -> bool:
        name = photo_path(text)
        if not name or "\n" in name:
            return False
        last = PurePosixPath(name).name
        ends_like_a_photo = comparable(last, Level.ENDING) != comparable(last, Level.CASE)
        return ends_like_a_photo or bool(self._files.index.ending_with(name, Level.ENDING))


LAYOUT = Layout(
    name="csv",
    looked_for="a .csv, .tsv or .txt that begins with `image,caption` (Kaggle's Flickr8k) or "
    "`image_name| comment_number| comment` (Flickr30k)",
    find=find,
    read=read,
)
