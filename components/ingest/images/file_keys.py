"""Keys of image files: a file that was not changed keeps its key, so its check can be reused."""

import hashlib
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from components.storage.filesystem import is_remote

#: Type of an array of keys, and their size in bytes.
KEY_BYTES = 16
KEYS = np.dtype(f"S{KEY_BYTES}")
# Files whose keys are computed at once.
_FILES = 4096
# A file that changed less than this before its key was computed may change again without a change
# of its times, the coarsest of which count in steps of two seconds (FAT). Git calls such files
# racy: https://git-scm.com/docs/racy-git
_RACY_NANOSECONDS = 2_000_000_000


def file_keys(
    files: Iterable[tuple[str, str]], count: int, work: Path
) -> tuple[NDArray[np.bytes_], NDArray[np.bool_]]:
    """Returns the keys of files, and whether the keys identify their content in later runs too.

    The key of a file in a bucket depends on its path and the version that the bucket lists. That of
    a local file depends on its path, inode, size, and the times at which content and metadata were
    last changed. Programs can set the first of these times; the second is set by the kernel, except
    on file systems that have none (FAT, some network file systems). The device does not count, as
    its number may differ after a reboot. Files below `work` are new in each run, so their keys
    depend on their content.

    A key does not identify the content if the file could not be read, or was changed in the last
    two seconds.

    Args:
        files: The path of each file, and its version if it is in a bucket, else anything.
        count: Number of files, N.
        work: The work folder of this run.

    Returns:
        A key for each file, in an array of type `KEYS`, [N]; and whether it identifies the file's
        content, [N].
    """
    keys = np.empty(count, KEYS)
    lasting = np.empty(count, np.bool_)
    key = partial(_key, work=work)
    with ThreadPoolExecutor() as pool:
        each, start = iter(files), 0
        while part := list(islice(each, _FILES)):
            place = slice(start, start + len(part))
            keys[place], lasting[place] = zip(*pool.map(key, part), strict=True)
            start += len(part)
    return keys, lasting


def _key(file: tuple[str, str], work: Path) -> tuple[bytes, bool]:
    path, version = file
    if is_remote(path):
        return _hash(path, version), True
    try:
        if Path(path).is_relative_to(work):
            with Path(path).open("rb") as stream:
                return hashlib.file_digest(stream, "sha256").digest()[:KEY_BYTES], True
        now = time.time_ns()
        stat = Path(path).stat()
    except OSError as error:
        return _hash(path, error), False
    lasting = stat.st_ctime_ns < now - _RACY_NANOSECONDS
    facts = stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns
    return _hash(path, *facts), lasting


def _hash(*facts: object) -> bytes:
    return hashlib.sha256("\n".join(map(str, facts)).encode()).digest()[:KEY_BYTES]
