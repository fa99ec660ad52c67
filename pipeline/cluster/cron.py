"""A cron line: checked, put as Kubeflow Pipelines wants it, and when it is due next."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import product

from components.errors import SettingError

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
# As robfig/cron counts them, which KFP's server reads with: Sunday is 0, and there is no 7.
_FIELDS = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day of month", 1, 31, ()),
    ("month", 1, 12, _MONTHS),
    ("day of week", 0, 6, _WEEKDAYS),
)
# From one 29 February to the next it is eight years at most.
_DAYS_AHEAD = 8 * 366


@dataclass(frozen=True)
class Cron:
    """When something is done, in UTC.

    Attributes:
        text: Five fields: minute, hour, day of month, month, day of week.
        due: The values that each field allows.
    """

    text: str
    due: tuple[frozenset[int], ...]

    @property
    def with_seconds(self) -> str:
        """The line as KFP wants it: the same with the second before it."""
        return f"0 {self.text}"

    def next_after(self, moment: datetime) -> datetime | None:
        """Returns the first due moment after another; None if there is none."""
        clock = [time(*hm, tzinfo=UTC) for hm in product(sorted(self.due[1]), sorted(self.due[0]))]
        for ahead in range(_DAYS_AHEAD):
            day = moment.astimezone(UTC).date() + timedelta(ahead)
            if self._is_due_on(day):
                for at in clock:
                    if (due := datetime.combine(day, at)) > moment:
                        return due
        return None

    def _is_due_on(self, day: date) -> bool:
        _, _, days, months, weekdays = self.due
        matches = (day.day in days, day.isoweekday() % 7 in weekdays)
        # Cron's old rule: of two restricted days either will do.
        either = not any(self.text.split()[field].startswith(("*", "?")) for field in (2, 4))
        return day.month in months and (any(matches) if either else all(matches))


def read_cron(text: str) -> Cron:
    """Reads five fields such as `0 3 * * 0`: Sundays at three.

    Args:
        text: Numbers, names of months and days, `*`, ranges, steps and lists of these.

    Raises:
        SettingError: If it is no such line, or would never be due.
    """
    fields = text.split()
    if len(fields) != len(_FIELDS):
        raise SettingError(
            "cron must have five fields: minute, hour, day of month, month, day of week, such as "
            f"'0 3 * * 0'. Received: {text!r}"
        )
    due = (frozenset(_values(field, *rule)) for field, rule in zip(fields, _FIELDS, strict=True))
    cron = Cron(" ".join(fields), tuple(due))
    if cron.next_after(datetime.now(UTC)) is None:
        raise SettingError(f"cron must name a day that there is. Received: {text!r}")
    return cron


def _values(field: str, meaning: str, low: int, high: int, names: tuple[str, ...]) -> Iterator[int]:
    for part in field.split(","):
        span, stepped, step = part.partition("/")
        first, ranged, last = span.partition("-")
        try:
            if span in ("*", "?"):
                start, end = low, high
            else:
                start = _number(first, low, names)
                # `5/10` goes on from 5 to the end.
                end = _number(last, low, names) if ranged else high if stepped else start
            steps = _number(step, low, ()) if stepped else 1
            if not low <= start <= end <= high or steps < 1:
                raise ValueError(part)
        except ValueError:
            named = f" or {names[0]} to {names[-1]}" if names else ""
            raise SettingError(
                f"cron's {meaning} must be {low} to {high}{named}, *, or ranges, steps and lists "
                f"of these. Received: {field!r}"
            ) from None
        yield from range(start, end + 1, steps)


def _number(text: str, low: int, names: tuple[str, ...]) -> int:
    if text.upper() in names:
        return names.index(text.upper()) + low
    if not (text.isascii() and text.isdigit()):
        raise ValueError(text)
    return int(text)
