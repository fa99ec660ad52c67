"""Errors for people: each says the setting or file, the rule, the value received, what to do."""

from typing import Any

from pydantic import ValidationError


class CaptionflowError(Exception):
    """A failure whose message is all a user needs; shown without a traceback."""

    exit_code = 1


class SettingError(CaptionflowError):
    """A setting breaks its rule. Trying again without changing it cannot help."""

    exit_code = 2


class DataError(CaptionflowError):
    """The data break a rule. Trying again without mending them cannot help."""

    exit_code = 3


def broken_settings(error: ValidationError) -> SettingError:
    """Puts pydantic's error in words: for each setting its name, the rule and the value."""
    return SettingError("; ".join(_in_words(fault) for fault in error.errors()))


def _in_words(fault: Any) -> str:
    match fault["type"]:
        case "extra_forbidden":
            return f"There is no setting {fault['loc'][0]}: see --help"
        case "value_error":
            return str(fault["ctx"]["error"])
        case "string_pattern_mismatch":
            rule = "of letters, digits, '.', '_' and '-'"
        case "string_too_short":
            rule = "named"
        case kind if kind.endswith("_parsing"):
            rule = fault["msg"].removeprefix("Input should be ").partition(",")[0]
        case _:
            rule = fault["msg"].removeprefix("Input should be ")
    return f"{fault['loc'][0]} must be {rule}. Received: {fault['input']!r}"
