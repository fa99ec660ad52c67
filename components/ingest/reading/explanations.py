"""Explains why a data set can't be read: what was expected, what was found, and what to do."""

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path, PurePosixPath

from components.ingest.files.data_files import IMAGE_SUFFIXES, TEXT_SUFFIXES, DataFiles
from components.ingest.files.names import Level, NameIndex
from components.ingest.layouts.annotations_only import explain_annotations_only
from components.ingest.layouts.fields import CAPTION, PHOTO
from components.ingest.layouts.text import first_line, read_start
from components.ingest.reading.source import Source

_ARCHIVES = {".zip", ".gz", ".tgz", ".tar", ".rar", ".7z", ".bz2", ".xz"}
_TABLES = {
    ".arrow",
    ".feather",
    ".h5",
    ".mat",
    ".ods",
    ".parquet",
    ".pkl",
    ".xls",
    ".xlsx",
    ".yaml",
}
_SHOWN = 3
_BEGINNING = 400
# `photo_path` collapses two slashes into one.
_URL = re.compile(r"(?:https?|ftp|s3|gs):/{1,2}[^\s\"',;|]+", re.IGNORECASE)
_URL_COLUMN = re.compile(r"(?<![a-z])(?:\w*_)?urls?(?![a-z])", re.IGNORECASE)
_PHOTO_FIELD = re.compile(rf"(?<![\w.])(?:{'|'.join(PHOTO[:-1])})(?=[\"',;|\t])", re.IGNORECASE)
_DOWNLOAD = (
    "Photos are never downloaded from the web: download them, for example with img2dataset, and "
    "refer to the files in the captions"
)


def nothing_recognised(files: DataFiles, dataset: str, looked_for: Sequence[str]) -> str:
    """Returns the message for a data set in which no layout finds captions."""
    if annotations := explain_annotations_only(files):
        return (
            f"{dataset} has no captions. {annotations}. Write a captions.jsonl with a sentence or "
            "more for each photo"
        )
    inner = [name for name in files.paths if PurePosixPath(name).suffix.lower() in _ARCHIVES]
    beginnings = _beginnings(files)
    if inner:
        advice = f"Unpack {', '.join(inner[:_SHOWN])} into one folder, and give that folder"
    elif _URL.search(beginnings) or _URL_COLUMN.search(beginnings):
        advice = f"Are the photos named by URL? {_DOWNLOAD}"
    elif tables := [n for n in files.paths if PurePosixPath(n).suffix.lower() in _TABLES]:
        advice = (
            f"Tables such as {tables[0]} are not supported: save its captions as CSV in UTF-8 with "
            "the header image,caption, and photos that it contains as files"
        )
    elif _PHOTO_FIELD.search(beginnings):
        advice = f"Call the field or column of captions one of: {', '.join(CAPTION)}"
    else:
        advice = "Write a captions.jsonl, or give your table the header image,caption"
    return (
        f"No captions were recognised in {dataset}. Looked for: {'; '.join(looked_for)}. "
        f"It holds {_holds(files)}. {beginnings}{advice}"
    )


def _holds(files: DataFiles) -> str:
    if not files.paths:
        return "no files"
    endings = Counter(
        PurePosixPath(name).suffix.lower() or "without ending" for name in files.paths
    )
    folders = {name.split("/")[0] for name in files.paths if "/" in name}
    counted = ", ".join(f"{count} {ending}" for ending, count in endings.most_common(6))
    inside = f" in {', '.join(f'{one}/' for one in sorted(folders)[:_SHOWN])}" if folders else ""
    return f"{len(files.paths)} files ({counted}){inside}"


def _beginnings(files: DataFiles) -> str:
    """Returns the first lines of files that may be intended as captions."""
    texts = [name for name in files.paths if PurePosixPath(name).suffix.lower() in TEXT_SUFFIXES]
    lines = [(name, _beginning(files.paths[name])[:80]) for name in texts[:_SHOWN]]
    return "".join(f"{name} begins with {line!r}. " for name, line in lines)


def _beginning(path: Path) -> str:
    line = first_line(path, _BEGINNING).strip()
    # A bracket alone is not informative.
    return line if len(line) > 2 else " ".join(read_start(path, _BEGINNING).split())


def nothing_matched(source: Source, captioned: Mapping[str, object], dataset: str) -> str:
    """Returns the message for a data set in which no captioned photo exists.

    Args:
        source: The data set.
        captioned: Ids of photos with usable captions.
        dataset: The data set's path as the user gave it.
    """
    if not captioned:
        return (
            f"{dataset} has captions of {len(source.captions)} photos, but all of them are empty. "
            "Fill them in"
        )
    name = min(captioned)
    there = source.uncaptioned
    if _URL.match(name):
        return (
            f"{dataset} has captions of {len(captioned)} photos, but refers to them by URL, such "
            f"as {name!r}. {_DOWNLOAD}"
        )
    if not there:
        return (
            f"{dataset} has captions of {len(captioned)} photos, such as {name!r}, but no photos: "
            f"no file ends in {', '.join(sorted(IMAGE_SUFFIXES))}, or has a name from the "
            "captions. Put the photos into the data set's folder; unpack them if they are in an "
            "archive"
        )
    cause = why_unmatched(list(captioned), there)
    return (
        f"{dataset} has captions of {len(captioned)} photos and {len(there)} image files, but none "
        f"of them match. The captions refer to {name!r}, for example; one of the files is "
        f"{there[0]!r}. {cause}"
    )


def missing_example(missing: Collection[str], uncaptioned: Sequence[str]) -> str:
    """Returns an example of a missing photo and one of an image file without captions."""
    named = ", ".join(repr(name) for name in sorted(missing)[:_SHOWN])
    if not uncaptioned:
        return f"Missing: {named}. Every image file has captions"
    return (
        f"Missing: {named}. Image files without captions: "
        f"{', '.join(repr(name) for name in uncaptioned[:_SHOWN])}"
    )


def why_unmatched(names: Sequence[str], there: Sequence[str]) -> str:
    """Returns the likeliest reason why captions and files do not match, and what to do.

    Args:
        names: Names of captioned photos that do not exist.
        there: Names of image files without captions.
    """
    if any(_URL.match(name) for name in names):
        return f"The captions name photos by URL. {_DOWNLOAD}"
    if not there:
        return "Add the photos that are missing"
    if all(name.startswith("image_id ") for name in names):
        return "No annotation's `image_id` is the `id` of an image: renumber the images"
    index = NameIndex(there)
    last_parts = {name: name.split("/")[-1] for name in names}
    for name, last in last_parts.items():
        if "/" in name and (found := index.ending_with(last, Level.ENDING)):
            return (
                f"Their folders differ: {name!r} in the captions, {found[0]!r} on disk. Rename the "
                "folder, or change the captions"
            )
    for name, last in last_parts.items():
        if len(found := index.ending_with(last, Level.ENDING)) > 1:
            return (
                f"It is not clear which file is meant: {name!r} could be {found[0]!r} or "
                f"{found[1]!r}. Use the whole name in the captions"
            )
    return (
        "The names have nothing in common: do the captions belong to another data set? If not, "
        "rename the photos as in the captions"
    )
