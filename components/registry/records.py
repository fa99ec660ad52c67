"""Append-only records among a registered model's tags.

MLflow has no transactions. So each decision about a model is a tag of its own, which is never
changed or removed, and the current state follows from all records. A record's number is one more
than the largest that its author saw, so the order does not depend on clocks alone.
"""

import logging
import socket
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar, TypeVar

import psutil
from mlflow import MlflowClient
from pydantic import AwareDatetime, BaseModel, Field, ValidationError

logger = logging.getLogger(__name__)

_LONGEST_REASON = 2000  # characters; a tag holds 5,000


class Record(BaseModel, frozen=True):
    """A decision about a version.

    Attributes:
        prefix: Prefix of the names of the tags that hold records of this kind.
        number: Its position among the records of its kind, from 1; records that were made at the
            same time can share a number.
        time: When it was recorded.
        version: The version.
        reason: Why.
        author: User and machine.
    """

    prefix: ClassVar[str]
    number: int
    time: AwareDatetime = Field(default_factory=lambda: datetime.now(UTC))
    version: str
    reason: str
    author: str


_Kind = TypeVar("_Kind", bound=Record)


def read_records(kind: type[_Kind], tags: Mapping[str, str]) -> list[_Kind]:
    """Returns all records of a kind in a registered model's tags, oldest first."""
    records = []
    for key, value in sorted(tags.items()):
        if key.startswith(kind.prefix):
            try:
                records.append(kind.model_validate_json(value))
            except ValidationError:
                # Edited by hand: it must not block later decisions.
                logger.warning("Ignoring the tag %s, which holds no valid record: %s", key, value)
    return sorted(records, key=lambda each: (each.number, each.time))


def new_record(
    kind: type[_Kind], tags: Mapping[str, str], *, version: str, reason: str, **details: Any
) -> _Kind:
    """Returns a decision that this process's user makes now; it is not stored yet.

    Args:
        kind: The record's type.
        tags: The tags of the registered model when the decision was made.
        version: The version.
        reason: Why.
        **details: The other fields of this kind.
    """
    earlier = read_records(kind, tags)
    return kind(
        number=earlier[-1].number + 1 if earlier else 1,
        version=version,
        reason=shorten_reason(reason),
        author=current_author(),
        **details,
    )


def append_record(client: MlflowClient, model_name: str, record: Record) -> None:
    """Stores a record as a new tag of a registered model."""
    key = f"{record.prefix}{record.number:06d}.{uuid.uuid4().hex[:12]}"
    client.set_registered_model_tag(model_name, key, record.model_dump_json())


def shorten_reason(reason: str) -> str:
    """Returns a reason, cut so that it fits into a tag."""
    return reason[:_LONGEST_REASON]


def to_the_minute(time: datetime) -> str:
    """Returns a time for people, such as `2026-11-30 08:15 UTC`."""
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def current_author() -> str:
    """Returns the user and machine of this process, such as `ann@laptop`."""
    return f"{psutil.Process().username()}@{socket.gethostname()}"
