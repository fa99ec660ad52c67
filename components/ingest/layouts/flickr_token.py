"""Token files of Flickr8k and Flickr30k: one caption per line, `photo.jpg#0<TAB>caption`."""

import re

from components.errors import DataError
from components.ingest.files.data_files import DataFiles, is_hidden, photo_path
from components.ingest.layouts.caption_file import CaptionFile, CaptionRow, Layout
from components.ingest.layouts.text import first_line, numbered_lines

# Flickr8k.token.txt, results_20130124.token; Flickr8k.lemma.token.txt has the same captions,
# lemmatized.
_NAME = re.compile(r".*\.token(\.txt)?", re.IGNORECASE)
_RENAMED = (".txt", ".csv", ".tsv")
_START = re.compile(r"[^\t]+\.(?:jpe?g|png)(?:\.\d)?#\d+\t", re.IGNORECASE)
_LINE = re.compile(r"(?P<photo>[^\t]+)#\d+(?:\t(?P<caption>.*))?")


def find(files: DataFiles) -> list[str]:
    """Returns the token files, found by name or, if they were renamed, by their first line."""
    return [
        name
        for name in files.paths
        if not is_hidden(name) and "lemma" not in name.lower() and _is_token_file(name, files)
    ]


def _is_token_file(name: str, files: DataFiles) -> bool:
    return _NAME.fullmatch(name.split("/")[-1]) is not None or (
        name.lower().endswith(_RENAMED) and _START.match(first_line(files.paths[name])) is not None
    )


def read(name: str, files: DataFiles) -> CaptionFile:
    """Reads a token file's captions.

    Args:
        name: The file's path below the data set.
        files: All files.

    Raises:
        DataError: If a line is broken.
    """
    rows = []
    for number, line in numbered_lines(files.paths[name]):
        match = _LINE.fullmatch(line)
        if match is None or not photo_path(match["photo"]):
            raise DataError(
                f"{name}, line {number}: must be a photo's name, #, a number, a tab and the "
                f"caption. Found: {line[:80]!r}. Correct or remove the line"
            )
        rows.append(CaptionRow(photo_path(match["photo"]), match["caption"] or ""))
    return CaptionFile("flickr-token", name, rows)


LAYOUT = Layout(
    name="flickr-token",
    looked_for="Flickr8k.token.txt or results_20130124.token (Flickr8k and Flickr30k)",
    find=find,
    read=read,
)
