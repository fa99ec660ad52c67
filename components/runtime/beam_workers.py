"""Files that Beam's workers read: this machine's, or those in a folder that they share with it.

Without `--temp_location` in beam_flags, workers must be able to access this machine's files. With
it they share nothing but that folder: lists of items and photos that are not in a bucket are copied
there, Beam's sinks write there, and the submitting process collects the results.
"""

import logging
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from socket import gethostname
from typing import Any
from uuid import uuid4

import apache_beam as beam
import pyarrow as pa
import pyarrow.parquet as pq
from apache_beam.io.parquetio import ReadAllFromParquetBatched

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
        lists: Lists of dataclasses of one kind, with fields that Parquet can hold; at least one.
        beam_flags: The setting, for the error message.
        folder: As `temporary_folder` yielded it. If it is not empty, the lists are written there as
            Parquet, with a row group for each, since a job's graph holds all that
            `beam.Create` is given.
        needed: Files that workers will read. The first that this process can read is the one they
            check.
        marker: A file of the folder where workers write, on this machine; None: they write nowhere.
    """

    def __init__(
        self,
        lists: Sequence[Sequence[Any]],
        *,
        beam_flags: str,
        folder: str = "",
        needed: Sequence[str] = (),
        marker: Path | None = None,
    ) -> None:
        super().__init__()
        self._lists = lists
        self._flags = beam_flags
        self._folder = folder
        first = next(filter(exists, needed), None)
        self._checked = [] if first is None else [first]
        if marker is not None and not folder:
            self._checked.append(str(marker))

    def expand(self, pipeline: beam.Pipeline) -> beam.PCollection:
        """Returns the lists, in any order, distributed over the workers."""
        if not self._folder:
            return (
                pipeline
                | "Create" >> beam.Create(self._lists)
                | "Require" >> beam.ParDo(RequireReadable(self._checked, self._flags))
                | "Distribute" >> beam.Reshuffle()
            )
        path = f"{self._folder}/lists-{uuid4().hex}.parquet"
        write_lists(self._lists, path)
        require = RequireReadable([path, *self._checked], self._flags)
        of_kind = partial(_items, type(self._lists[0][0]))
        return (
            pipeline
            | "Path" >> beam.Create([path])
            | "Require" >> beam.ParDo(require)
            | "Read" >> ReadAllFromParquetBatched()
            | "Items" >> beam.Map(of_kind)
            | "Distribute" >> beam.Reshuffle()
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


def write_lists(lists: Sequence[Sequence[Any]], path: str) -> None:
    """Writes lists of dataclasses as one Parquet file, with a row group for each list."""
    tables = [pa.Table.from_pylist([asdict(item) for item in items]) for items in lists]
    # A list that is empty in all items of a table has no type yet.
    schema = pa.unify_schemas([table.schema for table in tables], promote_options="permissive")
    with tempfile.TemporaryDirectory(prefix="captionflow-lists-") as directory:
        file = Path(directory, "lists.parquet")
        with pq.ParquetWriter(file, schema) as writer:
            for table in tables:
                writer.write_table(table.cast(schema), row_group_size=len(table))
        upload(file, path)


def _items(kind: type, table: pa.Table) -> list[Any]:
    try:
        return [kind(**row) for row in table.to_pylist()]
    except TypeError as error:
        raise SettingError(f"Beam's workers must run this machine's code: {error}") from error
