"""The history of a registered model's champions: which version, when, why, and promoted by whom."""

from collections.abc import Mapping, Sequence
from typing import Literal

from components.registry.records import Record, read_records

#: Prefix of the names of the tags that hold promotions.
PROMOTION_TAG = "promotion."

Action = Literal["register", "approve", "promote", "rollback"]
# The version was compared with one champion, and may replace no other.
_COMPARED = ("register", "approve")


class Promotion(Record, frozen=True):
    """A version was made champion.

    Attributes:
        action: `register`: by the pipeline, after the gate; `approve`: after the gate and a
            person's approval; `promote` or `rollback`: by a person.
    """

    action: Action


def read_history(tags: Mapping[str, str]) -> list[Promotion]:
    """Returns all promotions in a registered model's tags, oldest first."""
    return read_records(tags, PROMOTION_TAG, Promotion)


def in_effect(history: Sequence[Promotion]) -> list[Promotion]:
    """Returns the promotions that took effect; the last of them names the champion."""
    numbers = [each.number for each in history]
    return [
        each
        for place, each in enumerate(history)
        if each.action not in _COMPARED or each.number not in numbers[:place]
    ]


def recorded_champion(tags: Mapping[str, str]) -> str | None:
    """Returns the champion according to a registered model's history; None if that is empty."""
    promotions = in_effect(read_history(tags))
    return promotions[-1].version if promotions else None
