"""Files that Beam's workers read: this machine's, or those in a folder that they share with it.

Without `--temp_location` in beam_flags, workers must be able to access this machine's files. With
it they share nothing but that folder: lists of items and photos that are not in a bucket are copied
there, Beam's sinks write there, and the submitting process collects the results.
"""

import logging
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, fields
from functools import partial
from itertools import chain
from pathlib import Path
from socket import gethostname
from typing import Any, get_args, get_type_hints
from uuid import uuid4

import apache_beam as beam
import pyarrow as pa
import pyarrow.parquet as pq

from components.errors import CaptionflowError, SettingError
from components.settings.beam_flags import temp_location
from components.storage.filesystem import is_remote, local_path, open_filesystem, require_writable
from components.storage.objects import in_parallel, upload_file
from components.storage.reading import read_start
from components.storage.transfer import exists, remove_folder
from components.storage.upload import upload

logger = logging.getLogger(__name__)


@contextmanager
def temporary_folder(flags: str) -> Iterator[str]:
    """Yields a new folder below `--temp_location`, which is removed afterwards.

    Args:
        flags: The setting `beam_flags`.

    Yields:
        Its path, for Beam as well as for `components.storage`; empty without the flag.

    Raises:
        SettingError, CaptionflowError: If files can't be written and read there.
    """
    location = temp_location(flags)
    if not location:
        yield ""
        return
    # Beam does not support file://.
    base = location if is_remote(location) else str(local_path(location))
    folder = f"{base.rstrip('/')}/captionflow-{uuid4().hex}"
    require_writable(folder)
    try:
        yield folder
    finally:
        try:
            remove_folder(folder)
        except CaptionflowError as error:
            # Only a warning: the step's own result or error is what counts.
            logger.warning("%s was not removed: %s", folder, error)


def stage_files(paths: Sequence[str], folder: str) -> list[str]:
    """Puts this machine's files where workers can read them.

    Args:
        paths: Files; those in buckets stay where they are.
        folder: As `temporary_folder` yielded it; if it is empty, all files stay.

    Returns:
        The path of each file for workers.

    Raises:
        SettingError, CaptionflowError: If the files can't be written there.
    """
    staged = {
        path: f"photos/{number:08d}" for number, path in enumerate(paths) if not is_remote(path)
    }
    if not folder or not staged:
        return list(paths)
    logger.info("Uploading %d photos, which workers can't read from this machine", len(staged))
    with open_filesystem(folder) as (filesystem, root):
        in_parallel(
            lambda path: upload_file(filesystem, local_path(path), f"{root}/{staged[path]}"), staged
        )
    return [f"{folder}/{staged[path]}" if path in staged else path for path in paths]


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


class RequireReadable(beam.DoFn):
    """Passes elements on after checking, once a worker, that it can read some files.

    Args:
        paths: Files that the submitting process can read.
        beam_flags: The setting, for the error message.
    """

    def __init__(self, paths: Sequence[str], beam_flags: str) -> None:
        super().__init__()
        self._paths = paths
        self._flags = beam_flags

    def setup(self) -> None:
        """Reads the start of each file.

        Raises:
            SettingError: If that fails.
            CaptionflowError: If the object store does not answer.
        """
        for path in self._paths:
            try:
                read_start(path)
            except (OSError, SettingError) as error:
                raise unreadable(path, str(error), self._flags) from error

    def process(self, element: Any) -> Iterator[Any]:
        """Yields the element."""
        yield element


def unreadable(path: str, reason: str, beam_flags: str) -> SettingError:
    """Returns the error for a file that this process can read and a worker can't."""
    return SettingError(
        f"{_rule(beam_flags)}. The worker on {gethostname()} can't read {path}: {reason}. "
        f"Received: {beam_flags!r}"
    )


def results_missing(found: str, beam_flags: str) -> SettingError:
    """Returns the error for results of workers that this process can't read.

    Args:
        found: What there is instead, such as "0 checks of 3 images".
        beam_flags: The setting.
    """
    return SettingError(f"{_rule(beam_flags)}. Received: {beam_flags!r}, with {found}")


def _rule(beam_flags: str) -> str:
    if temp_location(beam_flags):
        return (
            "beam_flags must have workers that can read and write in its --temp_location, and read "
            "the data set's bucket: check their credentials and environment"
        )
    return (
        "beam_flags must name a runner whose workers share this machine's files, or a "
        "--temp_location (gs:// or s3://), a folder through which they get them"
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
