"""Cron expressions of schedules: checks, the format of Kubeflow Pipelines (KFP), next start."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from cronsim import CronSim, CronSimError

from components.errors import SettingError

# Valid for cronsim, but rejected or interpreted differently by KFP's server (robfig/cron 1.2): the
# last day of the month; Sunday as 7; the last or nth weekday; `1/2`, which ends on Saturday there.
_CRONSIM_ONLY = {"day-of-month": "[LW]", "day-of-week": r"[7L#]|(^|,)\w+/"}


@dataclass(frozen=True)
class Cron:
    """A checked expression in UTC: minute, hour, day of month, month, day of week."""

    text: str

    @property
    def with_seconds(self) -> str:
        """The expression in KFP's format, which begins with the second."""
        return f"0 {self.text}"

    def next_after(self, moment: datetime) -> datetime:
        """Returns the next start after a moment."""
        return next(CronSim(self.text.replace("?", "*"), moment.astimezone(UTC)))


def read_cron(text: str) -> Cron:
    """Parses an expression of five fields, such as `0 3 * * 0`: every Sunday at 3:00.

    Raises:
        SettingError: If KFP's server does not support it, or it never matches.
    """
    fields = text.upper().split()
    cron = Cron(" ".join(fields))
    try:
        if len(fields) != 5:
            raise CronSimError("Wrong number of fields")
        for (name, unsupported), field in zip(_CRONSIM_ONLY.items(), fields[2::2], strict=True):
            if re.search(unsupported, field):
                raise CronSimError(f"Bad {name}")
        cron.next_after(datetime.now(UTC))
    except CronSimError as error:
        raise SettingError(
            "cron must have minute, hour, day of month, month and day of week (0-6 or SUN-SAT), "
            f"such as '0 3 * * 0'. {error}. Received: {text!r}"
        ) from error
    return cron
