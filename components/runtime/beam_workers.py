"""Files that Beam's workers read: this machine's, or those in a folder that they share with it.

Without `--temp_location` in beam_flags, workers must be able to access this machine's files. With
it they share nothing but that folder: lists of items and photos that are not in a bucket are copied
there, Beam's sinks write there, and the submitting process collects the results.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from socket import gethostname
from typing import Any
from uuid import uuid4

import apache_beam as beam

from components.errors import CaptionflowError, SettingError
from components.settings.beam_flags import temp_location
from components.storage.filesystem import is_remote, local_path, open_filesystem, require_writable
from components.storage.objects import in_parallel, upload_file
from components.storage.reading import read_start
from components.storage.transfer import remove_folder

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
