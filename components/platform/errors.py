"""Errors for people: each says the setting or file, the rule, the value received, what to do."""


class CaptionflowError(Exception):
    """A failure whose message is all a user needs; shown without a traceback."""

    exit_code = 1


class SettingError(CaptionflowError):
    """A setting breaks its rule. Trying again without changing it cannot help."""

    exit_code = 2


class DataError(CaptionflowError):
    """The data break a rule. Trying again without mending them cannot help."""

    exit_code = 3
