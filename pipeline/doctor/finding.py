"""The result of a check of `pipeline.doctor`."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """The result of a check.

    Attributes:
        subject: What was checked, in a word or two.
        detail: The result; if the check failed, what to do.
        ok: Whether the check passed.
    """

    subject: str
    detail: str
    ok: bool = True
