"""Sidecar files: one text file per photo, `a.txt` for `a.jpg`.

This layout is usual for fine-tuning diffusion models, and WebDataset's tars (`000.jpg`, `000.txt`,
`000.json`) unpack to it. Text files may also be in a parallel folder (`images/cats/a.jpg`,
`text/cats/a.txt`).
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

from components.errors import DataError
from components.ingest.files.data_files import IMAGE_SUFFIXES, DataFiles, is_hidden
from components.ingest.files.names import Level, comparable, without_containers
from components.ingest.layouts.annotations_only import is_yolo
from components.ingest.layouts.caption_file import CaptionFile, CaptionRow
from components.ingest.layouts.fields import CAPTION
from components.ingest.layouts.json_map import load_json
from components.ingest.layouts.split_words import is_called_after_splits
from components.ingest.layouts.text import first_line, numbered_lines

#: The layout's name, in reports.
NAME = "sidecar-text"
LOOKED_FOR = "a .txt beside each photo (a.jpg, a.txt)"

_TEXTS = (".txt", ".caption")
_TEXT_FOLDER = re.compile(r"captions?|descriptions?|labels?|sentences|te?xts?\w*", re.IGNORECASE)
# Flickr30k Entities annotates phrases: `[/EN#1/people Two men] walk .`
_PHRASE = re.compile(r"\[/EN#\d+/[^\s\[]+ ([^\[\]]*)\]")
_ABOUT = re.compile(r"(?:readme|licen[cs]e|classes|notes?|requirements)\b.*", re.IGNORECASE)


def find_sidecars(files: DataFiles) -> dict[str, str]:
    """Finds text files that belong to one photo each.

    Args:
        files: All files of a data set.

    Returns:
        Photos by text file, both as paths below the data set. Empty if fewer than half of the
        photos have a text file, or if any of these files contains boxes for object detection.
    """
    photos = [name for name in files.paths if _ending(name) in IMAGE_SUFFIXES]
    paired = _pair(_texts(files), photos) or _captioned(_pair(_jsons(files), photos), files)
    if not paired or 2 * len(set(paired.values())) < len(photos):
        return {}
    if any(is_yolo(first_line(files.paths[text])) for text in paired):
        return {}
    return paired


def find_unpaired(sidecars: Mapping[str, str], files: DataFiles) -> dict[str, str]:
    """Finds text files in the same folders as sidecars whose photo is missing or ambiguous.

    Args:
        sidecars: The result of `find_sidecars`.
        files: The files that are neither sidecars nor caption files of another layout.

    Returns:
        The expected path of the photo, without an extension, by text file.
    """
    kinds = {_ending(text) for text in sidecars}
    folders = {PurePosixPath(text).parent for text in sidecars}
    return {
        text: text.removesuffix(PurePosixPath(text).suffix)
        for text in _texts(files)
        if _ending(text) in kinds
        and PurePosixPath(text).parent in folders
        and not is_called_after_splits(PurePosixPath(text).stem)
        and not _ABOUT.fullmatch(PurePosixPath(text).name)
    }


def read_sidecars(sidecars: Mapping[str, str], files: DataFiles) -> CaptionFile:
    """Reads the captions of sidecars; each line of a text file is a caption.

    Raises:
        DataError: If a file can't be decoded, JSON is broken, or the files of a photo differ.
    """
    rows: dict[str, tuple[str, list[str]]] = {}
    for text, photo in sidecars.items():
        captions = _captions(text, files)
        first, earlier = rows.setdefault(photo, (text, captions))
        if captions != earlier:
            raise DataError(
                f"{first} and {text} have different captions for {photo}. Remove one of the files, "
                "or put all captions into one of them, one per line"
            )
    return CaptionFile(
        NAME,
        _pattern(sidecars),
        [CaptionRow(photo, caption) for photo, (_, all_of) in rows.items() for caption in all_of],
    )


def _pattern(sidecars: Iterable[str]) -> str:
    endings = Counter(map(_ending, sidecars))
    return f"*{endings.most_common(1)[0][0]}"


def _texts(files: DataFiles) -> list[str]:
    return [name for name in files.paths if _ending(name) in _TEXTS and not is_hidden(name)]


def _jsons(files: DataFiles) -> list[str]:
    return [name for name in files.paths if _ending(name) == ".json" and not is_hidden(name)]


def _captioned(jsons: Mapping[str, str], files: DataFiles) -> dict[str, str]:
    """Returns the JSON files with captions, plus unreadable ones; empty if none has captions."""
    captioned, unreadable = {}, {}
    for name, photo in jsons.items():
        try:
            if _json_captions(name, files) is not None:
                captioned[name] = photo
        except DataError:
            unreadable[name] = photo
    return captioned | unreadable if captioned else {}


def _ending(name: str) -> str:
    return PurePosixPath(name).suffix.lower()


def _pair(texts: Iterable[str], photos: Iterable[str]) -> dict[str, str]:
    """Returns the photo of each text file that has exactly one, beside it or in a parallel folder.

    Text files without a photo, or with several, are not included.
    """
    beside: dict[tuple[str, ...], list[str]] = defaultdict(list)
    apart: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for photo in photos:
        beside[comparable(photo, Level.ENDING)].append(photo)
        apart[without_containers(photo)].append(photo)
    paired = {}
    for text in texts:
        # The text file is `a.txt` or `a.jpg.txt`.
        name = text.removesuffix(PurePosixPath(text).suffix)
        found = beside.get(comparable(name, Level.ENDING)) or apart.get(_without_text_folders(name))
        if found and len(found) == 1:
            paired[text] = found[0]
    return paired


def _without_text_folders(name: str) -> tuple[str, ...]:
    *folders, last = without_containers(name)
    return (*(folder for folder in folders if not _TEXT_FOLDER.fullmatch(folder)), last)


def _captions(text: str, files: DataFiles) -> list[str]:
    if _ending(text) == ".json":
        return _json_captions(text, files) or [""]
    lines = numbered_lines(files.paths[text])
    return [_PHRASE.sub(r"\1", line).strip() for _, line in lines] or [""]


def _json_captions(name: str, files: DataFiles) -> list[str] | None:
    """Returns the captions in a photo's JSON; None if it has no field for captions.

    Raises:
        DataError: If the file can't be decoded or is not valid JSON.
    """
    content = load_json(name, files)
    if not isinstance(content, dict):
        return None
    for field in CAPTION:
        captions = content.get(field)
        if isinstance(captions, str):
            return [captions]
        if isinstance(captions, list) and all(isinstance(one, str) for one in captions):
            return captions
    return None
