"""Looks for GloVe vectors beside a data set."""

import fnmatch
import zipfile
from collections.abc import Sequence
from pathlib import Path

from components.errors import ARCHIVE_ERRORS
from components.settings.data import NO_GLOVE

_NAMES = ("glove*.txt", "glove*.txt.gz", "glove*.zip", "*.vec", "*.vec.gz")


def find_glove(folders: Sequence[Path]) -> str:
    """Returns a value for the setting `glove`: a file of vectors, else `none`.

    If a zip has several files, such as Stanford's, the smallest one is chosen.

    Args:
        folders: Where to look; the first file found is used.
    """
    for folder in folders:
        for file in sorted(folder.iterdir()):
            if any(fnmatch.fnmatch(file.name.lower(), pattern) for pattern in _NAMES):
                return _member(file) if file.suffix.lower() == ".zip" else str(file)
    return NO_GLOVE


def _member(file: Path) -> str:
    try:
        with zipfile.ZipFile(file) as archive:
            vectors = [
                info for info in archive.infolist() if info.filename.lower().endswith(".txt")
            ]
    except ARCHIVE_ERRORS:
        # The step `embeddings` explains what is wrong with it.
        return str(file)
    if len(vectors) < 2:
        return str(file)
    return f"{file}#{min(vectors, key=lambda info: info.file_size).filename}"
