"""Checksums of all files of an artifact, which reveal damage before the artifact is read.

If the artifact is a directory, they are in `SHA256SUMS`, which `atomic_directory` writes last: a
directory that contains this file is complete. The format is that of coreutils, so that `sha256sum
--check SHA256SUMS` checks the directory without this package. If the artifact is a single file, its
SHA-256 is in its KFP metadata.
"""

import os
import re
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol

from components.artifacts.fingerprint import files_below, fingerprint_file
from components.errors import DataError, one_line
from components.markers import UPLOADED

CHECKSUMS_FILE = "SHA256SUMS"
#: Name of a single file's checksum in its artifact's metadata.
METADATA_KEY = "sha256"

# In bytes; more than the line of a file with the longest path that Linux allows.
_LONGEST_LINE = 10_000
# Largest number of files of an artifact of which only some are here; a bundle has some 15.
_MOST_FILES = 1000
_LINE = re.compile(rb"(\\?)([0-9a-f]{64})  ([^\n]+)\n")
_RESTORE = "restore the model's files from a copy"
# Names with these characters are escaped, and their lines begin with a backslash.
_ESCAPES = {b"\\": b"\\\\", b"\n": b"\\n", b"\r": b"\\r"}
_UNESCAPES = {escaped: plain for plain, escaped in _ESCAPES.items()}


class Artifact(Protocol):
    """An artifact as KFP describes it: its local path, and metadata."""

    @property
    def path(self) -> str:
        """The local path of its file or directory."""

    @property
    def metadata(self) -> Mapping[str, Any]:
        """What the step that wrote it recorded about it."""


def write_checksums(directory: Path) -> None:
    """Writes the checksums of all files in and below a directory, replacing earlier ones.

    Args:
        directory: The directory, whose files are complete.
    """
    names = sorted(_names(directory), key=os.fsencode)
    lines = [
        _line(name, digest) for name, digest in zip(names, _digests(directory, names), strict=True)
    ]
    file = directory / CHECKSUMS_FILE
    # It may be a hard link to another artifact's file, which must not change.
    file.unlink(missing_ok=True)
    file.write_bytes(b"".join(lines))


def checksums_fingerprint(directory: str | Path) -> str:
    """Returns the SHA-256 of an artifact's checksums, which identifies its content.

    Args:
        directory: The artifact. Whether its files match their checksums is not checked.

    Raises:
        DataError: If it has no checksums.
    """
    return fingerprint_file(Path(directory) / CHECKSUMS_FILE)


def check_input(artifact: Artifact) -> None:
    """Checks an artifact that a step is about to read.

    Raises:
        DataError: If it is damaged: a file is missing, unexpected or changed.
    """
    if damage := artifact_damage(artifact):
        raise DataError(
            f"{damage}. This input of the step was damaged after it was written. Start a new run: "
            "`captionflow run` detects damaged results and runs their steps again; on a cluster, "
            "a new run repeats every step"
        )


def check_bundle(directory: str | Path, source: str = "") -> None:
    """Checks a model bundle.

    Args:
        directory: The bundle.
        source: Where it comes from, for messages, if the directory is temporary.

    Raises:
        DataError: If it is damaged: a file is missing, unexpected or changed.
    """
    if damage := directory_damage(directory, source):
        raise DataError(
            f"{source or directory} must be a complete model bundle. {damage}. Restore the bundle "
            "from a copy, choose another model (--model-version, --bundle, --start-from), or train "
            "again with `captionflow run`"
        )


def fetch_checked(name: str, fetch: Callable[[str], Path], source: str) -> Path:
    """Fetches one file of a directory and checks it against the directory's checksums.

    Args:
        name: The file's name. `CHECKSUMS_FILE` itself is fetched unchecked.
        fetch: Makes the file with a name available, all in one local directory, and returns its
            path.
        source: Where the directory comes from, for messages: the local one may be temporary.

    Raises:
        DataError: If the file or the checksums are damaged, or the checksums do not list the file.
            Errors of `fetch` are passed on.
    """
    checksums = fetch(CHECKSUMS_FILE)
    if name == CHECKSUMS_FILE:
        return checksums
    try:
        expected = _read(checksums, _MOST_FILES)
    except (OSError, ValueError) as error:
        raise DataError(f"{source}/{CHECKSUMS_FILE} is damaged: {error}; {_RESTORE}") from error
    file = fetch(name)
    if name not in expected:
        damage = f"{source}/{name} is unexpected: {CHECKSUMS_FILE} does not list it"
    else:
        damage = _file_damage(file, expected[name], f"{source}/{name}")
    if damage:
        raise DataError(f"{damage}; {_RESTORE}")
    return file


def artifact_damage(artifact: Artifact) -> str:
    """Returns how an artifact differs from what its step wrote; empty if it does not.

    The text names a file, its expected and its actual SHA-256.
    """
    path = Path(artifact.path)
    if path.is_file():
        return _file_damage(path, str(artifact.metadata.get(METADATA_KEY, "")))
    return directory_damage(path)


def directory_damage(directory: str | Path, source: str = "") -> str:
    """Returns how a directory differs from its checksums; empty if it does not.

    The text names the first file that differs, with its expected and its actual SHA-256, and counts
    the others.

    Args:
        directory: The directory.
        source: Where it comes from, for the text, if the directory is temporary.
    """
    root = Path(directory)
    shown = source or str(root)
    present = _names(root)
    try:
        expected = _read(root / CHECKSUMS_FILE, len(present))
    except FileNotFoundError:
        return one_line(
            f"{shown}/{CHECKSUMS_FILE} is missing: the directory is incomplete, or was written by "
            "an older version of captionflow"
        )
    except (OSError, ValueError) as error:
        return one_line(f"{shown}/{CHECKSUMS_FILE} is damaged: {error}")
    known = sorted(expected.keys() & present)
    damage = [
        f"{shown}/{name} is damaged: its SHA-256 must be {expected[name]}. Received: {found}"
        for name, found in zip(known, _digests(root, known), strict=True)
        if found != expected[name]
    ]
    damage += [
        f"{shown}/{name} is missing: there must be a file with the SHA-256 {expected[name]}"
        for name in sorted(expected.keys() - present)
    ]
    damage += [
        f"{shown}/{name} is unexpected: {CHECKSUMS_FILE} does not list it"
        for name in sorted(present - expected.keys())
    ]
    if not damage:
        return ""
    others = f" (and {len(damage) - 1} more such files)" if damage[1:] else ""
    return one_line(damage[0] + others)


def _file_damage(path: Path, expected: str, shown: str = "") -> str:
    (found,) = _digests(path.parent, [path.name])
    if found == expected:
        return ""
    return one_line(
        f"{shown or path} is damaged: its SHA-256 must be {expected or 'in its metadata'}. "
        f"Received: {found}"
    )


def _names(root: Path) -> set[str]:
    """Returns the names of all files below a directory, relative to it, that have checksums."""
    names = {path.relative_to(root).as_posix() for path in files_below(root)}
    return names - {CHECKSUMS_FILE, UPLOADED}


def _digests(root: Path, names: Iterable[str]) -> list[str]:
    """Returns the SHA-256 of files; of an unreadable one, the reason why it can't be read."""

    def digest(name: str) -> str:
        try:
            return fingerprint_file(root / name)
        except DataError as error:
            return str(error)

    # hashlib releases the GIL, so threads read and hash in parallel.
    with ThreadPoolExecutor() as pool:
        return list(pool.map(digest, names))


def _read(file: Path, files: int) -> dict[str, str]:
    """Reads the checksums of a directory with the given number of files.

    Raises:
        OSError: If there are none.
        ValueError: If they are not in the format of `sha256sum`.
    """
    if file.stat().st_size > _LONGEST_LINE * (files + 1):
        raise ValueError(f"it is too large for {files} files")
    expected: dict[str, str] = {}
    for line in file.read_bytes().splitlines(keepends=True):
        match = _LINE.fullmatch(line)
        if match is None:
            raise ValueError(f"not a line of sha256sum: {line[:100]!r}")
        escaped, digest, encoded = match.groups()
        name = os.fsdecode(_unescape(encoded) if escaped else encoded)
        if name in expected:
            raise ValueError(f"listed twice: {name}")
        expected[name] = digest.decode()
    return expected


def _line(name: str, digest: str) -> bytes:
    plain = os.fsencode(name)
    encoded = re.sub(rb"[\\\n\r]", lambda match: _ESCAPES[match[0]], plain)
    mark = b"" if encoded == plain else b"\\"
    return mark + digest.encode() + b"  " + encoded + b"\n"


def _unescape(encoded: bytes) -> bytes:
    return re.sub(rb"\\.", lambda match: _UNESCAPES.get(match[0], match[0]), encoded)
