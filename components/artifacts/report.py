"""Places in the report: placeholders for facts that are not known when `evaluate` writes it.

`evaluate` is cached, and so is its report. The gate, which is never cached, and `register` fill the
places with the decision, the version, the run's own command and the drift test. A place is a pair
of HTML comments around a text, so that the text can be replaced again later. Text from the data is
escaped, so it can't contain a place.
"""

from collections.abc import Mapping
from html import escape
from typing import Final

from components.errors import DataError

#: The places, with the text that the report shows until they are filled.
PLACES: Final = {
    "model": "Caption model",
    "version": "",
    "passed": "",
    "failed": "",
    "reason": "Not decided yet: the step gate decides, and writes the report again.",
    "release": "Not decided yet",
    "date": "Not known before the gate",
    "dataset": "Data set",
    "champion": "Not compared before the gate",
    "commit": "Not known before the gate",
    "command": "Not known before the gate",
    "drift": "Not tested",
}


def place(name: str) -> str:
    """Returns the HTML of a place that is not filled yet."""
    return f"{_begin(name)}{escape(PLACES[name])}{_end(name)}"


def fill_places(page: str, texts: Mapping[str, str]) -> str:
    """Returns a report with texts in some of its places.

    Args:
        page: The report, HTML.
        texts: By place, plain text, or HTML that MarkupSafe marks as such.

    Raises:
        DataError: If the report does not have one of the places.
    """
    for name, text in texts.items():
        head, begin, rest = page.partition(_begin(name))
        _, end, tail = rest.partition(_end(name))
        if not begin or not end:
            raise DataError(
                f"The report must have a place for {name}: {place(name)}. Run again with --no-cache"
            )
        shown = text if hasattr(text, "__html__") else escape(text)
        page = f"{head}{begin}{shown}{end}{tail}"
    return page


def _begin(name: str) -> str:
    return f"<!-- {name} -->"


def _end(name: str) -> str:
    return f"<!-- /{name} -->"
