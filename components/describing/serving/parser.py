"""Parses bodies of requests within bounds, and says in one line what is wrong with them."""

import reprlib
import threading
from typing import Any

import numpy as np
from pydantic import ValidationError

from components.describing.serving.protocol import Invocation
from components.errors import DataError

#: Commas and opening brackets of one body: pixels in JSON have them, files in base64 do not. A
#: parser takes up to 300 bytes for each, which would be gigabytes for a body of nothing else.
MAX_VALUES = 2_000_000


class Parser:
    """Parses bodies of requests, one at a time, since a parser takes more memory than the body."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def parse(self, body: bytes) -> tuple[list[Any], dict[str, int | None]]:
        """Parses a body.

        Args:
            body: JSON in UTF-8.

        Returns:
            Photos and parameters, for `PhotoScorer.predict`.

        Raises:
            DataError: If it is not valid; the message is one line and names the field.
        """
        values = sum(map(body.count, (b",", b"[", b"{")))
        if values > MAX_VALUES:
            raise DataError(
                f"The body must have at most {MAX_VALUES} values: send photos as image files in "
                f"base64, not as pixels. Received: {values}"
            )
        with self._lock:
            try:
                invocation = Invocation.model_validate_json(body)
            except ValidationError as error:
                raise DataError(_message(error)) from None
            photos = [_compact(photo) for photo in invocation.photos]
        return photos, invocation.params.model_dump() if invocation.params else {}


def _compact(photo: Any) -> Any:
    """Returns pixels as uint8 if they can be, and anything else as it is."""
    if isinstance(photo, str):
        return photo
    try:
        array = np.asarray(photo)
    except (ValueError, OverflowError):
        return photo
    if array.dtype.kind != "i" or not array.size or array.min() < 0 or array.max() > 255:
        return photo
    return array.astype(np.uint8)


def _message(error: ValidationError) -> str:
    # Each form of a union has errors of its own: those of the form that was meant go deepest, and
    # say more than that it is another form.
    fault = max(
        error.errors(include_url=False),
        key=lambda each: (len(each["loc"]), not each["type"].endswith("_type")),
    )
    # Names of a union's forms are classes and types; no field begins or looks like them.
    field = ".".join(
        text for part in fault["loc"] if not ((text := str(part))[:1].isupper() or "[" in text)
    )
    message = " ".join(fault["msg"].removeprefix("Value error, ").split())
    match fault["type"]:
        case "json_invalid":
            return f"The body must be JSON. {message}"
        case "value_error":
            return f"{field or 'The body'} {message}"
        case _:
            received = reprlib.repr(fault["input"])
            return f"{field or 'The body'}: {message}. Received: {received}"
