"""Where GloVe's text comes from: a plain file, gzip, a member of a zip, a bucket, the package."""

import gzip
import importlib.resources
import io
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple, cast

from components.artifacts.external import split_member
from components.errors import DataError, SettingError
from components.storage.transfer import local_copy

#: The value of the setting `glove` that names the extract which the package carries.
SAMPLE = "sample"
#: Lines of Stanford's glove.6B.50d.txt (public domain, PDDL): the words of the sample's captions.
SAMPLE_FILE = "sample.glove.6B.50d.txt"

_BUFFER = 1 << 20
_GZIP_MAGIC = b"\x1f\x8b"
# What a damaged or unreadable file raises, compressed or not.
_READ_ERRORS = (EOFError, NotImplementedError, OSError, zipfile.BadZipFile, zlib.error)


class GloveText(NamedTuple):
    """An open GloVe text: its name, for messages and records, and its bytes."""

    name: str
    file: IO[bytes]


@contextmanager
def open_glove(glove: str) -> Iterator[GloveText]:
    """Opens a GloVe text for reading from its start to its end.

    Gzip and zip are told by what the file holds, not by its name.

    Args:
        glove: A path, local or in a bucket, of a text file, plain, gzipped or in a zip. Where a
            zip holds several, `path.zip#member.txt` names one. `sample` is the extract that
            the package carries, for the data set of that name.

    Yields:
        The open text.

    Raises:
        DataError: If nothing lies at the path, or a compressed file is damaged.
        SettingError: If the path is a folder, or names no single text in a zip.
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
        except _READ_ERRORS as error:
            raise DataError(
                f"{glove} can't be read; if it is damaged, fetch it again: {error}"
            ) from error


@contextmanager
def _open_file(path: Path, member: str, glove: str) -> Iterator[GloveText]:
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            chosen = _chosen_member(archive, member, glove)
            if chosen.flag_bits & 0x1:
                raise SettingError(f"glove must not be encrypted. Received: {glove}")
            # Buffered once more: a member alone is slow at reading lines of limited length.
            with (
                archive.open(chosen) as member_file,
                io.BufferedReader(cast(io.RawIOBase, member_file), _BUFFER) as buffered,
            ):
                yield GloveText(chosen.filename, buffered)
        return
    if member:
        raise SettingError(f"glove names a file inside a zip, but this is none: {glove}")
    with path.open("rb") as file:
        start = file.read(len(_GZIP_MAGIC))
        file.seek(0)
        if start == _GZIP_MAGIC:
            with io.BufferedReader(gzip.open(file), _BUFFER) as unpacked:
                yield GloveText(path.name, unpacked)
        else:
            yield GloveText(path.name, file)


def _chosen_member(archive: zipfile.ZipFile, member: str, glove: str) -> zipfile.ZipInfo:
    texts = {
        info.filename: info
        for info in archive.infolist()
        if info.filename.endswith(".txt") and not info.filename.startswith("__MACOSX/")
    }
    if member in texts:
        return texts[member]
    if len(texts) == 1 and not member:
        return next(iter(texts.values()))
    if not texts:
        raise SettingError(f"glove must hold a .txt file, but this zip holds none: {glove}")
    archive_path, _ = split_member(glove)
    choices = ", ".join(f"{archive_path}#{name}" for name in sorted(texts))
    raise SettingError(f"glove must name one file of the zip: {choices}. Received: {glove}")
