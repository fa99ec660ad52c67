"""The history of a registered model's champions: which version, when, why, and promoted by whom."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from components.registry.records import Record, read_records

Action = Literal["register", "approve", "promote", "rollback"]
# The version was compared with one champion, and may replace no other.
_COMPARED = ("register", "approve")


class Promotion(Record, frozen=True):
    """A version was made champion.

    Attributes:
        action: `register`: by the pipeline, after the gate; `approve`: after the gate and a
            person's approval; `promote` or `rollback`: by a person.
    """

    prefix: ClassVar[str] = "promotion."
    action: Action


def read_history(tags: Mapping[str, str]) -> list[Promotion]:
    """Returns all promotions in a registered model's tags, oldest first."""
    return read_records(Promotion, tags)


def in_effect(tags: Mapping[str, str]) -> list[Promotion]:
    """Returns the promotions that took effect, oldest first; the last names the champion."""
    history = read_history(tags)
    numbers = [each.number for each in history]
    return [
        each
        for place, each in enumerate(history)
        if each.action not in _COMPARED or each.number not in numbers[:place]
    ]


def recorded_champion(tags: Mapping[str, str]) -> str | None:
    """Returns the champion according to a registered model's history; None if that is empty."""
    promotions = in_effect(tags)
    return promotions[-1].version if promotions else None
