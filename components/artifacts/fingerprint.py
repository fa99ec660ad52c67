"""Fingerprints: SHA-256 of content, independent of name and location."""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from components.errors import DataError


def fingerprint_value(value: Any) -> str:
    """Returns the SHA-256 (64 hex digits) of a JSON-serialisable value, whatever its key order."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def fingerprint_list(values: Iterable[Any]) -> str:
    """Returns what `fingerprint_value` returns for a list, without holding the list in memory."""
    digest = hashlib.sha256(b"[")
    for number, value in enumerate(values):
        text = json.dumps(value, sort_keys=True)
        digest.update(f"{', ' if number else ''}{text}".encode())
    digest.update(b"]")
    return digest.hexdigest()


def fingerprint_file(path: str | Path) -> str:
    """Returns the SHA-256 (64 hex digits) of a file's bytes.

    Raises:
        DataError: If the file can't be read.
    """
    try:
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"A file can't be read: {error}") from error


def fingerprint_tree(path: str | Path) -> str:
    """Returns one SHA-256 for a file, or for all files below a directory.

    Args:
        path: A file or a directory. A directory's files count by relative path and content; the
            location of the directory does not count. Symbolic links are followed.

    Returns:
        64 hex digits.

    Raises:
        DataError: If a file can't be read.
    """
    root = Path(path)
    if root.is_file():
        return fingerprint_file(root)
    files = sorted(files_below(root))
    # hashlib releases the GIL, so threads read and hash in parallel.
    with ThreadPoolExecutor() as pool:
        digests = pool.map(fingerprint_file, files)
        return fingerprint_value(
            [
                (file.relative_to(root).as_posix(), digest)
                for file, digest in zip(files, digests, strict=True)
            ]
        )


def files_below(root: Path) -> Iterator[Path]:
    """Yields all files in and below a directory; symbolic links are followed."""
    seen = set()
    for folder, folders, names in os.walk(root, followlinks=True):
        # Symbolic links may form a cycle, so each folder is visited once.
        resolved = os.path.realpath(folder)
        if resolved in seen:
            folders.clear()
            continue
        seen.add(resolved)
        yield from (path for name in names if (path := Path(folder, name)).is_file())
