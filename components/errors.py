"""Errors for users: a message names the setting or file, the rule, the value and what to do."""

import lzma
import re
import zipfile
import zlib
from tarfile import TarError
from typing import Any

from pydantic import ValidationError

#: What the libraries raise for files, compressed or not, and archives that are damaged, encrypted
#: or of a kind that they can't read.
ARCHIVE_ERRORS = (
    EOFError,
    LookupError,
    MemoryError,
    NotImplementedError,
    OSError,
    OverflowError,
    RuntimeError,
    TarError,
    ValueError,
    lzma.LZMAError,
    zipfile.BadZipFile,
    zlib.error,
)


# Control characters (including terminal escapes), line separators, bidirectional control
# characters, and lone surrogates, which can't be printed.
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
# Real paths have no name as long as this.
_LONG_WORD = re.compile(r"\S{400,}")


def one_line(text: str) -> str:
    """Returns untrusted text, such as names from an archive, as one printable line."""
    escaped = _UNPRINTABLE.sub(lambda match: repr(match[0])[1:-1], text)
    return _LONG_WORD.sub(lambda match: f"{match[0][:200]}…{match[0][-50:]}", escaped)


class CaptionflowError(Exception):
    """An error whose message tells a user enough; it is shown without a traceback.

    Args:
        message: The message. Names in it may contain any characters.
    """

    exit_code = 1
    #: Whether messages may have several lines; otherwise they are joined into one.
    has_lines = False

    def __init__(self, message: str) -> None:
        super().__init__(message if self.has_lines else one_line(message))


class SettingError(CaptionflowError):
    """A setting is invalid; retrying without changing it can't help."""

    exit_code = 2


class DataError(CaptionflowError):
    """Data are invalid; retrying without repairing them can't help."""

    exit_code = 3


class NoChampionError(DataError):
    """No version of a registered model has been approved."""


def broken_settings(error: ValidationError) -> SettingError:
    """Converts pydantic's error: the message names each setting with its rule and value."""
    return SettingError("; ".join(_message(fault) for fault in error.errors()))


def first_fault(error: ValidationError) -> str:
    """Returns the first fault in a file, with its place: `images.0.id: Field required`."""
    fault = error.errors()[0]
    return f"{'.'.join(map(str, fault['loc'])) or 'the file'}: {fault['msg']}"


def missing(path: str) -> DataError:
    """Returns the error for a path or URI where there is nothing."""
    return DataError(f"There is nothing at this path; check the spelling: {path}")


def _message(fault: Any) -> str:
    match fault["type"]:
        case "extra_forbidden":
            return f"There is no setting {fault['loc'][0]}: see --help"
        case "value_error":
            return str(fault["ctx"]["error"])
        case "string_pattern_mismatch":
            rule = "of letters, digits, '.', '_' and '-'"
        case "string_too_short":
            return f"{fault['loc'][0]} must not be empty"
        case "string_unicode":
            rule = "valid UTF-8: rename the file or folder"
        case kind if kind.endswith("_parsing"):
            rule = fault["msg"].removeprefix("Input should be ").partition(",")[0]
        case _:
            rule = fault["msg"].removeprefix("Input should be ")
    return f"{fault['loc'][0]} must be {rule}. Received: {fault['input']!r}"
