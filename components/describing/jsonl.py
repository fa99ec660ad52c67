"""The output file: JSON Lines, one object for each photo, written by one run at a time.

While a run is going on, lines are appended as photos are captioned; if a photo has two lines, the
later one counts. A run that is killed leaves one partial line at most, which is ignored. At the end
of a run the file has one line for each photo, sorted by the photo's name.
"""

import fcntl
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from components.artifacts.files import atomic_file
from components.errors import CaptionflowError, SettingError

# How each line starts; tells a partial line apart from other content.
_PREFIX = b'{"photo": '


@contextmanager
def locked_output(path: Path) -> Iterator[None]:
    """Creates the file if it does not exist, and locks it against other runs.

    Raises:
        SettingError: If it can't be written, or another run has locked it.
    """
    if path.exists() and not path.is_file():
        # A folder, or a device such as a terminal, which can't be read back.
        raise SettingError(f"The output must be a file that can be written. Received: {path}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("ab")
    except OSError as error:
        raise SettingError(f"The output must be a file that can be written: {error}") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise _locked(path) from None
        if not (path.exists() and os.path.samestat(os.fstat(file.fileno()), path.stat())):
            # Another run has just ended, and replaced the file by the sorted one.
            raise _locked(path)
        yield


def read_lines(path: Path) -> dict[str, dict[str, Any]]:
    """Returns the lines of the file by photo, without partial ones.

    Raises:
        SettingError: If the file has other content.
    """
    lines = {}
    for number, raw in enumerate(path.read_bytes().split(b"\n"), start=1):
        try:
            line = json.loads(raw)
            lines[str(line["photo"])] = line
        except (ValueError, LookupError, TypeError):
            if not (raw.startswith(_PREFIX) or _PREFIX.startswith(raw)):
                raise SettingError(
                    f"The output must be a new file, or one with captions of an earlier run. Line "
                    f"{number} of {path} is something else"
                ) from None
    return lines


def end_partial_line(path: Path) -> None:
    """Ends the last line with a newline if it has none, so that appended lines are whole."""
    with path.open("rb+") as file:
        if file.seek(0, os.SEEK_END):
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":
                file.write(b"\n")


def append_lines(path: Path, lines: Iterable[Mapping[str, Any]]) -> None:
    """Appends lines in a single write; several processes may append at once.

    Raises:
        CaptionflowError: If they can't be written.
    """
    content = b"".join(_encode(line) for line in lines)
    try:
        file = os.open(path, os.O_WRONLY | os.O_APPEND)
        try:
            # One call, so that lines of two processes never mix.
            written = os.write(file, content)
            os.fsync(file)
        finally:
            os.close(file)
    except OSError as error:
        raise CaptionflowError(f"{path} can't be written: {error.strerror}") from error
    if written < len(content):
        raise CaptionflowError(f"{path} can't be written completely: is the disk full?")


def sort_lines(path: Path) -> dict[str, dict[str, Any]]:
    """Rewrites the file with one line for each photo, sorted by name; returns them by photo."""
    lines = read_lines(path)
    content = b"".join(_encode(lines[name]) for name in sorted(lines))
    if content != path.read_bytes():
        with atomic_file(path) as aside:
            aside.write_bytes(content)
    return lines


def _encode(line: Mapping[str, Any]) -> bytes:
    # Bytes of a file's name that are not UTF-8 become JSON escapes.
    text = json.dumps(line, ensure_ascii=False) + "\n"
    return text.encode("utf-8", errors="backslashreplace")


def _locked(path: Path) -> SettingError:
    return SettingError(
        "Only one run at a time can write the output: wait for the other run, or name another "
        f"file. Received: {path}"
    )
