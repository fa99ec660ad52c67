"""Parses bodies of requests within limits, and reports errors in one line."""

import reprlib
import threading
from typing import Any

import numpy as np
from pydantic import ValidationError

from components.describing.serving.protocol import Invocation
from components.errors import DataError

#: Maximum number of commas and opening brackets in a body: pixels in JSON have them, files in
#: base64 do not. A parser needs up to 300 bytes for each: gigabytes for a body full of them.
MAX_VALUES = 2_000_000
#: Maximum number of strings in a body: photos, and keys and values of other columns. Millions of
#: them took gigabytes.
MAX_STRINGS = 100_000


class Parser:
    """Parses bodies of requests, one at a time, since parsing takes more memory than the body."""

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
                f"The body must have at most {MAX_VALUES} values. Send photos as image files in "
                f"base64, not as pixels. Received: {values}"
            )
        strings = body.count(b'"') // 2
        if strings > MAX_STRINGS:
            raise DataError(
                f"The body must have at most {MAX_STRINGS} strings. Received: {strings}"
            )
        with self._lock:
            try:
                invocation = Invocation.model_validate_json(body)
            except ValidationError as error:
                raise DataError(_message(error)) from None
            photos = [_compact(photo) for photo in invocation.photos]
        return photos, invocation.params.model_dump() if invocation.params else {}


def _compact(photo: Any) -> Any:
    """Returns valid pixel values as uint8, and anything else unchanged."""
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
    # Each alternative of a union has its own errors. Those of the intended alternative have the
    # longest location, and say more than that the type is wrong.
    fault = max(
        error.errors(include_url=False),
        key=lambda each: (len(each["loc"]), not each["type"].endswith("_type")),
    )
    # Leave out the alternatives of unions: they are names of classes or types, unlike any field.
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
