"""The language of captions: a BCP 47 tag, in a text file of a bundle."""

import re
from pathlib import Path

from components.language_tag import LANGUAGE_TAG

LANGUAGE_FILE = "language.txt"
#: The tag of an unknown language (ISO 639-2: undetermined).
UNDETERMINED = "und"


def write_language(directory: Path, tag: str) -> None:
    """Writes the file into the directory of a bundle."""
    (directory / LANGUAGE_FILE).write_text(f"{tag}\n", encoding="ascii")


def read_language(directory: Path) -> str:
    """Returns the language of a bundle's captions; `und` if the bundle does not state it.

    Bundles may be untrusted: any text that is not a language tag is ignored.
    """
    try:
        with (directory / LANGUAGE_FILE).open(encoding="ascii") as file:
            tag = file.read(100).strip()
    except (OSError, UnicodeDecodeError):
        return UNDETERMINED
    return tag if re.fullmatch(LANGUAGE_TAG, tag) else UNDETERMINED
