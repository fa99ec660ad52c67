"""Writes the members of an archive: files to their paths, links as copies of their targets."""

import errno
import filecmp
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO

from components.errors import DataError
from components.ingest.archives.members import Member
from components.ingest.archives.names import choose_encoding, decode_name, inner_path
from components.ingest.archives.streams import Meter
from components.ingest.files.data_files import IMAGE_SUFFIXES

_CHUNK = 1 << 20
# Bytes of text files that are read at most to detect the encoding of names.
_TEXT_BYTES = 64 << 20
_PHOTO_STARTS = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"RIFF", b"BM")
# Longest chain of links to links that is followed.
_LONGEST_CHAIN = 40

# Errors for names that are not valid on this file system.
_UNUSABLE_NAMES = (errno.ENAMETOOLONG, errno.EILSEQ, errno.EINVAL)
# Errors for a path that would have to be both a file and a folder.
_FILE_AND_FOLDER = (errno.ENOTDIR, errno.EISDIR, errno.EEXIST)


def place_members(
    members: Iterator[Member], directory: Path, aside: Path, meter: Meter
) -> list[str]:
    """Writes all files of an archive to their paths.

    Args:
        members: The members, in the archive's order.
        directory: The folder that their paths are relative to.
        aside: An empty directory on the same file system, for temporary files.
        meter: Counts the bytes as they are written.

    Returns:
        Names of skipped members: names that are not valid on this file system, and links whose
        target is not a file in the archive.

    Raises:
        DataError: If a path or link leads outside, or two different files have the same path.
        TooMuchError: If the files have too many bytes.
        OSError: If a file can't be written.
    """
    links: dict[str | bytes, str] = {}
    unnamed: dict[Path, bytes] = {}
    skipped = []
    for number, member in enumerate(members):
        if isinstance(member.name, str):
            # Every member's path is checked, even if the member is not a file.
            path = inner_path(member.name)
        if member.link:
            links[member.name] = member.link
        elif member.stream is not None:
            file = aside / str(number)
            _write(member.stream, file, meter)
            if isinstance(member.name, bytes):
                unnamed[file] = member.name
            elif not _place(file, directory, path):
                skipped.append(member.name)
    encoding = _encoding(
        [*unnamed.values(), *(n for n in links if isinstance(n, bytes))], directory, aside
    )
    for file, raw in unnamed.items():
        name = decode_name(raw, encoding)
        if not _place(file, directory, inner_path(name)):
            skipped.append(name)
    named = {
        decode_name(name, encoding) if isinstance(name, bytes) else name: target
        for name, target in links.items()
    }
    return skipped + _copy_linked(named, directory, aside / "linked", meter)


def _encoding(names: list[bytes], directory: Path, aside: Path) -> str:
    return choose_encoding(names, _texts(directory, aside)) if names else "utf-8"


def _texts(*folders: Path) -> Iterator[bytes]:
    """Yields the contents of text files, at most 64 MiB in total."""
    left = _TEXT_BYTES
    for file in (file for folder in folders for file in sorted(folder.rglob("*"))):
        if left > 0 and file.is_file() and file.suffix.lower() not in IMAGE_SUFFIXES:
            with file.open("rb") as opened:
                content = opened.read(left)
            if not content.startswith(_PHOTO_STARTS):
                left -= len(content)
                yield content


def _copy_linked(links: Mapping[str, str], directory: Path, aside: Path, meter: Meter) -> list[str]:
    """Replaces links with copies of their target files; returns the links to anything else."""
    targets = {path: target for name, target in links.items() if (path := inner_path(name))}
    skipped = []
    for path in targets:
        source: Path | None = path
        for _ in range(_LONGEST_CHAIN):
            if source not in targets:
                break
            source = _link_target(source, targets[source])
        if source is None or source in targets or not (directory / source).is_file():
            skipped.append(str(path))
            continue
        meter.add((directory / source).stat().st_size)
        shutil.copyfile(directory / source, aside)
        if not _place(aside, directory, path):
            skipped.append(str(path))
    return skipped


def _link_target(path: Path, target: str) -> Path | None:
    try:
        return inner_path(target)
    except DataError as error:
        raise DataError(
            f"An archive's links must stay inside its own folder. Received: {str(path)!r}, which "
            f"leads to {target!r}. Do not trust this archive"
        ) from error


def _place(file: Path, directory: Path, path: Path | None) -> bool:
    """Moves a file to its path; returns False if the path is not valid on this file system."""
    if path is None:
        return False
    target = directory / path
    twice = DataError(f"Each path of an archive must stand for one file. Received twice: {path}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists():
            file.rename(target)
        elif target.is_dir() or not filecmp.cmp(file, target, shallow=False):
            raise twice
    except OSError as error:
        if error.errno in _UNUSABLE_NAMES:
            return False
        if error.errno in _FILE_AND_FOLDER:
            raise twice from error
        raise
    return True


def _write(stream: IO[bytes], target: Path, meter: Meter) -> None:
    with target.open("xb") as file:
        while chunk := stream.read(_CHUNK):
            meter.add(len(chunk))
            file.write(chunk)
