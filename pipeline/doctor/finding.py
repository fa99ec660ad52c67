"""What a check of `pipeline.doctor` comes to."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """What was found out about one thing.

    Attributes:
        subject: The thing, in a word or two.
        detail: How it is; if it is wrong, what is to be done.
        ok: Whether the pipeline can work with it.
    """

    subject: str
    detail: str
    ok: bool = True
