"""Keys of image files: a file that was not changed keeps its key, so its check can be reused."""

import hashlib
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


def file_keys(files: Iterable[tuple[str, str]], count: int, work: Path) -> NDArray[np.bytes_]:
    """Returns the keys of files.

    The key of a file in a bucket depends on its path and the checksum that the bucket lists for it.
    That of a local file depends on path, size, and the times at which content and metadata were
    last changed. (The kernel sets the latter, so no program can restore it after a change.) Files
    below `work` are new in each run, so their keys depend on their content.

    Args:
        files: The path of each file, and its checksum if it is in a bucket, else anything.
        count: Number of files, N.
        work: The work folder of this run.

    Returns:
        A key for each file, in an array of type `KEYS`, [N].
    """
    keys = np.empty(count, KEYS)
    key = partial(_key, work=work)
    with ThreadPoolExecutor() as pool:
        each, start = iter(files), 0
        while part := list(islice(each, _FILES)):
            keys[start : start + len(part)] = list(pool.map(key, part))
            start += len(part)
    return keys


def _key(file: tuple[str, str], work: Path) -> bytes:
    path, checksum = file
    if is_remote(path):
        return _hash(f"{path}\n{checksum}")
    try:
        if Path(path).is_relative_to(work):
            with Path(path).open("rb") as stream:
                return hashlib.file_digest(stream, "sha256").digest()[:KEY_BYTES]
        stat = Path(path).stat()
    except OSError as error:
        # Its check fails, and is not reused.
        return _hash(f"{path}\n{error}")
    return _hash(f"{path}\n{stat.st_size}\n{stat.st_mtime_ns}\n{stat.st_ctime_ns}")


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()[:KEY_BYTES]
