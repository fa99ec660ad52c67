"""Opens word vectors: plain, gzipped or in a zip; local, in a bucket, or built in."""

import gzip
import importlib.resources
import io
import re
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Any, NamedTuple, cast

from components.artifacts.external import split_member
from components.errors import ARCHIVE_ERRORS, CaptionflowError, DataError, SettingError
from components.settings.data import SAMPLE
from components.storage.transfer import local_copy

#: Lines of Stanford's glove.6B.50d.txt (public domain, PDDL) for the words of `sample`'s captions.
SAMPLE_FILE = "sample.glove.6B.50d.txt"

_BUFFER = 1 << 20
_PIECE = 1 << 14
_SHOWN = 8
_GZIP_MAGIC = b"\x1f\x8b"
# Vectors are compressed to about a third; a far larger ratio is a decompression bomb.
_LARGEST_RATIO = 100
_ALWAYS_ALLOWED = 32 << 20
# Files about the vectors that a zip may contain as well.
_ABOUT = re.compile(r"(readme|licen[cs]e|copying|notice|changelog)\b", re.IGNORECASE)


class GloveText(NamedTuple):
    """An open GloVe text: its name, for messages and records, and its bytes."""

    name: str
    file: IO[bytes]


@contextmanager
def open_glove(glove: str) -> Iterator[GloveText]:
    """Opens a GloVe text for reading from its start to its end.

    Gzip and zip are recognised by content, not by extension.

    Args:
        glove: Path, local or in a bucket, of a text file: plain, gzipped or in a zip. If a zip has
            several, `path.zip#member.txt` names one. `sample` is the built-in extract for the data
            set of that name.

    Yields:
        The open text.

    Raises:
        CaptionflowError: If the system can't read the file now.
        DataError: If the path does not exist, or a compressed file is damaged or a decompression
            bomb.
        SettingError: If the path is a folder, or does not name a single file in a zip.
    """
    if glove == SAMPLE:
        resource = importlib.resources.files("components.embeddings") / SAMPLE_FILE
        with resource.open("rb") as file:
            yield GloveText(SAMPLE_FILE, file)
        return
    uri, member = split_member(glove)
    with tempfile.TemporaryDirectory(prefix="captionflow-glove-") as temporary:
        path = local_copy(uri, Path(temporary))
        if path.is_dir():
            raise SettingError(f"glove must be a file, not a folder. Received: {glove}")
        try:
            with _open_file(path, member, glove) as text:
                yield text
        except ARCHIVE_ERRORS as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise CaptionflowError(
                    f"{glove} could not be read: {error.strerror}. Try again later"
                ) from error
            raise DataError(
                f"{glove} can't be read; if it is damaged, download it again: {error}"
            ) from error


@contextmanager
def _open_file(path: Path, member: str, glove: str) -> Iterator[GloveText]:
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            chosen = _chosen_member(archive, member, glove)
            if chosen.flag_bits & 0x1:
                raise SettingError(f"glove must not be encrypted. Received: {glove}")
            # Buffered, since zipfile decompresses all that it reads of BZIP2 and LZMA at once.
            with archive.open(chosen) as unpacked, _buffered(unpacked, path) as buffered:
                yield GloveText(chosen.filename, buffered)
        return
    if member:
        raise SettingError(f"glove names a file in a zip, but this is not a zip: {glove}")
    with path.open("rb") as file:
        start = file.read(len(_GZIP_MAGIC))
        file.seek(0)
        if start == _GZIP_MAGIC:
            with gzip.open(file) as gzipped, _buffered(cast(IO[bytes], gzipped), path) as buffered:
                yield GloveText(path.name, buffered)
        else:
            yield GloveText(path.name, file)


def _buffered(unpacked: IO[bytes], path: Path) -> io.BufferedReader:
    most = max(_ALWAYS_ALLOWED, _LARGEST_RATIO * path.stat().st_size)
    return io.BufferedReader(_Unpacked(unpacked, most), _BUFFER)


class _Unpacked(io.RawIOBase):
    """A decompressed stream that fails once it is larger than compressed vectors can be."""

    def __init__(self, stream: IO[bytes], most: int) -> None:
        self._stream = stream
        self._left = most

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        content = self._stream.read(min(len(buffer), _PIECE))
        self._left -= len(content)
        if self._left < 0:
            raise ValueError(f"it decompresses to more than {_LARGEST_RATIO} times its size")
        buffer[: len(content)] = content
        return len(content)


def _chosen_member(archive: zipfile.ZipFile, member: str, glove: str) -> zipfile.ZipInfo:
    files = {
        info.filename: info
        for info in archive.infolist()
        if info.filename
        and not info.filename.endswith("/")
        and not info.filename.startswith("__MACOSX/")
    }
    if member in files:
        return files[member]
    vectors = [name for name in files if not _ABOUT.match(PurePosixPath(name).name)]
    if len(vectors) == 1 and not member:
        return files[vectors[0]]
    if not files:
        raise SettingError(f"glove must have a file of vectors, but this zip is empty: {glove}")
    archive_path, _ = split_member(glove)
    choices = ", ".join(f"{archive_path}#{name}" for name in sorted(files)[:_SHOWN])
    more = f" and {len(files) - _SHOWN} more" if len(files) > _SHOWN else ""
    raise SettingError(f"glove must name one file of the zip: {choices}{more}. Received: {glove}")
