"""A cron expression: checked, put as Kubeflow Pipelines (KFP) wants it, and when it is due next."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from cronsim import CronSim, CronSimError

from components.errors import SettingError

# What cronsim takes, and KFP's server (robfig/cron 1.2) refuses or reads otherwise: the last day of
# the month; Sunday as 7; the last or nth weekday; `1/2`, which there ends with Saturday.
_CRONSIM_ONLY = {"day-of-month": "[LW]", "day-of-week": r"[7L#]|(^|,)\w+/"}


@dataclass(frozen=True)
class Cron:
    """When runs start, in UTC: minute, hour, day of month, month, day of week."""

    text: str

    @property
    def with_seconds(self) -> str:
        """The expression as KFP wants it: the same with the second in front."""
        return f"0 {self.text}"

    def next_after(self, moment: datetime) -> datetime:
        """Returns when it is due next."""
        return next(CronSim(self.text.replace("?", "*"), moment.astimezone(UTC)))


def read_cron(text: str) -> Cron:
    """Reads an expression of five fields, such as `0 3 * * 0`: Sundays at three.

    Raises:
        SettingError: If it is none that KFP's server takes, or is never due.
    """
    fields = text.upper().split()
    cron = Cron(" ".join(fields))
    try:
        if len(fields) != 5:
            raise CronSimError("Wrong number of fields")
        for (name, refused), field in zip(_CRONSIM_ONLY.items(), fields[2::2], strict=True):
            if re.search(refused, field):
                raise CronSimError(f"Bad {name}")
        cron.next_after(datetime.now(UTC))
    except CronSimError as error:
        raise SettingError(
            "cron must have minute, hour, day of month, month and day of week (0-6 or SUN-SAT), "
            f"such as '0 3 * * 0'. {error}. Received: {text!r}"
        ) from error
    return cron
