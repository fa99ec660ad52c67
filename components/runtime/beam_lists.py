"""Lists of items for Beam's workers, which read them from a file instead of the job's graph."""

import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, fields
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, get_args, get_type_hints
from uuid import uuid4

import apache_beam as beam
import pyarrow as pa
import pyarrow.parquet as pq

from components.errors import SettingError
from components.runtime.beam_workers import RequireReadable
from components.storage.filesystem import open_filesystem
from components.storage.transfer import exists
from components.storage.upload import upload


class ReadLists(beam.PTransform):
    """Gives lists of items to workers, which first check that they can read what they need.

    Args:
        lists: Lists of items, at least one. They are taken one by one.
        beam_flags: The setting, for the error message.
        folder: A folder that workers can read: as `temporary_folder` yielded it or, if that is
            empty, a local one of this run. The lists are written there as Parquet, with a row group
            for each; their items must be dataclasses of one kind with fields of text, numbers or
            sequences of these. If it is empty, the job's graph holds all lists, some 700 bytes a
            photo.
        needed: Files that workers will read. The first that this process can read is the one they
            check.
    """

    def __init__(
        self,
        lists: Iterable[Sequence[Any]],
        *,
        beam_flags: str,
        folder: str = "",
        needed: Iterable[str] = (),
    ) -> None:
        super().__init__()
        self._lists = lists
        self._flags = beam_flags
        self._folder = folder
        first = next(filter(exists, needed), None)
        self._checked = [] if first is None else [first]

    def expand(self, pipeline: beam.Pipeline) -> beam.PCollection:
        """Returns the lists, in any order, distributed over the workers."""
        if not self._folder:
            return (
                pipeline
                | "Create" >> beam.Create(self._lists)
                | "Distribute" >> beam.Reshuffle()
                | "Require" >> beam.ParDo(RequireReadable(self._checked, self._flags))
            )
        path = f"{self._folder}/lists-{uuid4().hex}.parquet"
        kind, count = write_lists(self._lists, path)
        return pipeline | "Lists" >> ReadRowGroups(
            count,
            partial(_read_list, kind, path),
            beam_flags=self._flags,
            needed=[path, *self._checked],
        )


class ReadRowGroups(beam.PTransform):
    """Reads the row groups of a file on workers, which first check that they can read it.

    Args:
        count: Number of row groups.
        read: Reads one, given its number.
        beam_flags: The setting, for the error message.
        needed: Files that workers will read, such as this one, and that this process can read.
    """

    def __init__(
        self, count: int, read: Callable[[int], Any], *, beam_flags: str, needed: Sequence[str]
    ) -> None:
        super().__init__()
        self._count = count
        self._read = read
        self._require = RequireReadable(needed, beam_flags)

    def expand(self, pipeline: beam.Pipeline) -> beam.PCollection:
        """Returns what was read, in any order, distributed over the workers."""
        # The check comes after the distribution: every worker that reads is checked.
        return (
            pipeline
            | "Numbers" >> beam.Create(range(self._count))
            | "Distribute" >> beam.Reshuffle()
            | "Require" >> beam.ParDo(self._require)
            | "Read" >> beam.Map(self._read)
        )


def write_lists(lists: Iterable[Sequence[Any]], path: str) -> tuple[type, int]:
    """Writes lists of dataclasses as one Parquet file, with a row group for each list.

    Args:
        lists: The lists, at least one, all of them of one kind of dataclass.
        path: The file, local or in a bucket.

    Returns:
        The kind of dataclass, and the number of lists.
    """
    each = iter(lists)
    first = next(each)
    kind, count = type(first[0]), 0
    schema = _schema(kind)
    with tempfile.TemporaryDirectory(prefix="captionflow-lists-") as directory:
        file = Path(directory, "lists.parquet")
        with pq.ParquetWriter(file, schema) as writer:
            for items in chain([first], each):
                table = pa.Table.from_pylist([asdict(item) for item in items], schema)
                writer.write_table(table, row_group_size=len(table))
                count += 1
        upload(file, path)
    return kind, count


def _schema(kind: type) -> pa.Schema:
    hints = get_type_hints(kind)
    return pa.schema([(field.name, _arrow_type(hints[field.name])) for field in fields(kind)])


def _arrow_type(hint: Any) -> pa.DataType:
    if items := get_args(hint):
        return pa.list_(_arrow_type(items[0]))  # Sequence[str], tuple[int, ...]
    return {str: pa.string(), int: pa.int64()}[hint]


def _read_list(kind: type, path: str, number: int) -> list[Any]:
    with open_filesystem(path) as (filesystem, place), filesystem.open(place, "rb") as file:
        rows = pq.ParquetFile(file).read_row_group(number).to_pylist()
    try:
        return [kind(**row) for row in rows]
    except TypeError as error:
        raise SettingError(f"Beam's workers must run this machine's code: {error}") from error
