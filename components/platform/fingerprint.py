"""Fingerprints: SHA-256 of what something holds, whatever it is called and wherever it lies."""

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any


def fingerprint_value(value: Any) -> str:
    """Returns the SHA-256 (64 hex digits) of a JSON-able value; key order does not count."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def fingerprint_file(path: str | Path) -> str:
    """Returns the SHA-256 (64 hex digits) of a file's bytes."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fingerprint_tree(path: str | Path) -> str:
    """Returns one SHA-256 for a file, or for all files below a directory.

    Args:
        path: A file or a directory. A directory's files count by relative name and content;
            the directory's own place does not count.

    Returns:
        64 hex digits.
    """
    root = Path(path)
    if root.is_file():
        return fingerprint_file(root)
    files = sorted(file for file in root.rglob("*") if file.is_file())
    # hashlib releases the interpreter lock, so threads read and hash side by side.
    with ThreadPoolExecutor() as pool:
        digests = pool.map(fingerprint_file, files)
        return fingerprint_value(
            [
                (file.relative_to(root).as_posix(), digest)
                for file, digest in zip(files, digests, strict=True)
            ]
        )
