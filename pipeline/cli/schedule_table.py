"""A table of the schedules on a cluster, and how the last run of each ended."""

from collections.abc import Sequence
from datetime import UTC, datetime

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from components.errors import SettingError
from pipeline.cluster.cron import read_cron
from pipeline.cluster.schedules import Schedule


def show_schedules(schedules: Sequence[Schedule]) -> None:
    """Prints a table of schedules, and the address of each one's page."""
    table = Table("name", "cron", "enabled", "next (UTC)", "last (UTC)", "last state", box=None)
    for schedule in schedules:
        table.add_row(
            escape(schedule.name),
            schedule.cron.removeprefix("0 "),
            "yes" if schedule.enabled else "no",
            format_time(_next_start(schedule.cron) if schedule.enabled else None),
            format_time(schedule.last_run),
            schedule.last_state.lower() or "-",
        )
    console = Console()
    console.print(table)
    for schedule in schedules:
        # On one line, so that the address can be copied.
        console.print(f"{schedule.name}  {schedule.address}", soft_wrap=True, markup=False)


def format_time(time: datetime | None) -> str:
    """Returns a time in UTC, to the minute; `-` for None."""
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M}" if time else "-"


def _next_start(cron: str) -> datetime | None:
    try:
        return read_cron(cron.removeprefix("0 ")).next_after(datetime.now(UTC))
    except SettingError:
        # Schedules created in KFP's user interface may have more than five fields.
        return None
