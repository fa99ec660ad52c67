"""The history of a model's champions: what is noted of each promotion, and in which order.

A promotion is a tag of the registered model, `promotion.000007.4f1c2a9b8d3e`, with the rest as
JSON. It is written once; none is ever changed or removed.

1. The number is one more than the largest that its writer saw: what was decided with another
   promotion in view comes after it, whatever the clocks say. Of promotions with one number, which
   were made at the same time, the later by the clock comes after; then the larger id.
2. What the gate let pass was compared with the champion before, not with another that is promoted
   at the same time: it counts only as the first of those with its number.
3. The last promotion that counts names the champion, for all who read it.
4. A rollback is a promotion too: of the champion before the present one. It takes back all since,
   so that the next rollback goes further back, not to and fro.
"""

import json
import logging
import re
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Literal, NamedTuple

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

logger = logging.getLogger(__name__)

#: What can make a version champion: the pipeline's step, a person, a person who takes that back.
Action = Literal["register", "promote", "rollback"]

#: The longest reason, in characters: with the rest a tag's value must fit into 5,000.
LONGEST_WHY = 2000

_TAG = re.compile(r"promotion\.(\d{6,})\.([0-9a-f]{12})")


class Promotion(BaseModel):
    """That a version was made champion.

    Attributes:
        number: Its place in the order, from 1; those made at the same time can share one.
        identity: 12 hex digits of its own.
        when: By the clock of the machine that noted it.
        action: What made it champion.
        version: The version.
        before: The version that had the alias until then; None if there was none.
        why: The reason, in words.
        by: The user and machine that noted it.
        compared_with: Of what the gate let pass, the version that it was compared with; empty if
            there was no champion. None: whoever is champion is replaced.
        back_to: Of a rollback the `place` of the promotion that counts again; empty if that is
            the champion from before promotions were noted.
    """

    model_config = ConfigDict(frozen=True)

    number: int = Field(exclude=True)
    identity: str = Field(exclude=True)
    when: AwareDatetime
    action: Action
    version: str
    before: str | None = None
    why: str
    by: str
    compared_with: str | None = None
    back_to: str | None = None

    @property
    def place(self) -> str:
        """What names it in the history."""
        return f"{self.number:06d}.{self.identity}"

    @property
    def tag(self) -> tuple[str, str]:
        """The tag's key and value."""
        return f"promotion.{self.place}", self.model_dump_json(exclude_none=True)


class Turn(NamedTuple):
    """A version's turn as champion that no rollback took back; and the promotion it began with."""

    version: str
    place: str


def next_promotion(
    history: Sequence[Promotion],
    *,
    action: Action,
    version: str,
    before: str | None,
    why: str,
    by: str,
    compared_with: str | None = None,
    back_to: str | None = None,
) -> Promotion:
    """Returns a promotion that comes after all of a history; see `Promotion` for the arguments."""
    return Promotion(
        number=max((promotion.number for promotion in history), default=0) + 1,
        identity=uuid.uuid4().hex[:12],
        when=datetime.now(UTC),
        action=action,
        version=version,
        before=before,
        # The end of a reason that is too long tells least.
        why=why if len(why) <= LONGEST_WHY else f"{why[: LONGEST_WHY - 1]}…",
        by=by,
        compared_with=compared_with,
        back_to=back_to,
    )


def read_history(tags: Mapping[str, str]) -> list[Promotion]:
    """Returns all promotions in the tags of a registered model, the last at the end.

    A tag that only looks like a promotion is left out, with a warning: one that was edited by
    hand must not block all promotions to come.
    """
    found = []
    for key, value in tags.items():
        if not (match := _TAG.fullmatch(key)):
            continue
        named = {"number": int(match[1]), "identity": match[2]}
        try:
            found.append(Promotion.model_validate({**json.loads(value), **named}))
        except (ValueError, TypeError):
            logger.warning("The tag %s can't be read, and does not count: %s", key, value)
    return sorted(found, key=lambda each: (each.number, each.when, each.identity))


def counting(history: Sequence[Promotion]) -> list[Promotion]:
    """Returns the promotions that count: the last of them names the champion.

    Args:
        history: All promotions in their order.
    """
    numbers = [promotion.number for promotion in history]
    return [
        promotion
        for place, promotion in enumerate(history)
        if promotion.compared_with is None or promotion.number not in numbers[:place]
    ]


def standing(history: Sequence[Promotion]) -> list[Turn]:
    """Returns the turns that no rollback took back: the last is the champion's.

    Args:
        history: All promotions in their order.

    Returns:
        One turn a promotion; first that of the champion from before promotions were noted, if
        there was one.
    """
    turns: list[Turn] = []
    if history and history[0].before is not None:
        turns.append(Turn(history[0].before, ""))
    for promotion in counting(history):
        goal = Turn(promotion.version, promotion.back_to or "")
        if promotion.back_to is not None and goal in turns:
            del turns[turns.index(goal) + 1 :]
        else:
            # Also a rollback whose goal was taken back before it, by another at the same time.
            turns.append(Turn(promotion.version, promotion.place))
    return turns
