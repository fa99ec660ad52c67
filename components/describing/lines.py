"""The file of captions: one JSON object a line, whole lines only, and one run at a time.

While a run goes on lines are appended as captions are found; of two lines of a photo the later
one counts. A run that was killed leaves half a line at most, which is dropped. When a run ends, the
file has one line a photo, ordered by the photo's name.
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

# How each line begins, and so a half one.
_BEGINNING = b'{"photo": '


@contextmanager
def sole_writer(path: Path) -> Iterator[None]:
    """Makes a file if it is not there, and lets no other run write it at the same time.

    Raises:
        SettingError: If it can't be written, or another run writes it.
    """
    if path.exists() and not path.is_file():
        # Such as a folder, or a terminal, which can't be gone on with.
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
            raise _busy(path) from None
        if not (path.exists() and os.path.samestat(os.fstat(file.fileno()), path.stat())):
            # A run that ended just now put the ordered file in its place.
            raise _busy(path)
        yield


def read_lines(path: Path) -> dict[str, dict[str, Any]]:
    """Returns the lines of a file by photo; half lines are left out.

    Raises:
        SettingError: If it holds something else.
    """
    lines = {}
    for number, raw in enumerate(path.read_bytes().split(b"\n"), start=1):
        try:
            line = json.loads(raw)
            lines[str(line["photo"])] = line
        except (ValueError, LookupError, TypeError):
            if not (raw.startswith(_BEGINNING) or _BEGINNING.startswith(raw)):
                raise SettingError(
                    f"The output must be a new file, or hold an earlier run's captions: {path} "
                    f"has something else in line {number}"
                ) from None
    return lines


def begin_anew(path: Path) -> None:
    """Makes a half line at a file's end be a line of its own."""
    with path.open("rb+") as file:
        if file.seek(0, os.SEEK_END):
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":
                file.write(b"\n")


def append_lines(path: Path, lines: Iterable[Mapping[str, Any]]) -> None:
    """Puts lines to a file's end, all at once; several processes may do so.

    Raises:
        CaptionflowError: If they can't be written.
    """
    content = b"".join(_encoded(line) for line in lines)
    try:
        file = os.open(path, os.O_WRONLY | os.O_APPEND)
        try:
            # One call, so that the lines of two processes never mix.
            written = os.write(file, content)
            os.fsync(file)
        finally:
            os.close(file)
    except OSError as error:
        raise CaptionflowError(f"{path} can't be written: {error.strerror}") from error
    if written < len(content):
        raise CaptionflowError(f"{path} can't be written whole: is the disk full?")


def put_in_order(path: Path) -> dict[str, dict[str, Any]]:
    """Leaves one line a photo, ordered by the photos' names; returns them by photo."""
    lines = read_lines(path)
    content = b"".join(_encoded(lines[name]) for name in sorted(lines))
    if content != path.read_bytes():
        with atomic_file(path) as aside:
            aside.write_bytes(content)
    return lines


def _encoded(line: Mapping[str, Any]) -> bytes:
    # What is no UTF-8 in a file's name becomes the escape that JSON has for it.
    text = json.dumps(line, ensure_ascii=False) + "\n"
    return text.encode("utf-8", errors="backslashreplace")


def _busy(path: Path) -> SettingError:
    return SettingError(
        f"The output must be written by one run at a time: wait for the other, or name another "
        f"file. Received: {path}"
    )
