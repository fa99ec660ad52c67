"""`captionflow schedule`, `schedules` and `unschedule`: recurring runs on a cluster."""

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from components.errors import SettingError
from components.settings.run import RunSettings
from pipeline.cli.errors import one_line_errors
from pipeline.cli.options import Config, KfpExperiment, Preset, with_options
from pipeline.cluster.address import Address
from pipeline.config import DEFAULT_PRESET
from pipeline.kubernetes_settings import KubernetesSettings
from pipeline.names import PIPELINE

_Name = Annotated[str, typer.Option(help="Name of the schedule, which is unique.")]
_Cron = Annotated[
    str,
    typer.Option(help="Minute, hour, day of month, month, day of week, in UTC: '0 3 * * 0'."),
]


@with_options(Address, RunSettings, KubernetesSettings)
def schedule(
    address: dict[str, Any],
    settings: dict[str, Any],
    kubernetes: dict[str, Any],
    cron: _Cron,
    name: _Name = PIPELINE,
    preset: Preset = DEFAULT_PRESET,
    config: Config = None,
    kfp_experiment: KfpExperiment = PIPELINE,
) -> None:
    """Create or update a schedule: one run at a time, missed runs are skipped."""
    with one_line_errors("stopped; run the same command again"):
        from pipeline.cluster import schedules
        from pipeline.cluster.arguments import cluster_arguments
        from pipeline.cluster.connection import connect
        from pipeline.cluster.cron import read_cron

        when = read_cron(cron)
        arguments = cluster_arguments(preset, config, settings, kubernetes)
        page, replaced = schedules.schedule(
            connect(Address(**address)), when, arguments, experiment=kfp_experiment, name=name
        )
        due = when.next_after(datetime.now(UTC))
        typer.echo(f"Schedule {name} {'updated' if replaced else 'created'}: {when.text} (UTC)")
        typer.echo(f"Next  {_time(due)}\nPage  {page}")


@with_options(Address)
def list_schedules(address: dict[str, Any]) -> None:
    """List the schedules, and how the last run of each ended."""
    with one_line_errors():
        from rich.console import Console
        from rich.markup import escape
        from rich.table import Table

        from pipeline.cluster import schedules
        from pipeline.cluster.connection import connect

        found = schedules.schedules(connect(Address(**address)))
        if not found:
            typer.echo("No schedules yet. Create one with: captionflow schedule --cron '0 3 * * 0'")
            return
        table = Table("name", "cron", "on", "next (UTC)", "last (UTC)", "ended", box=None)
        for each in found:
            table.add_row(
                escape(each.name),
                each.cron.removeprefix("0 "),
                "yes" if each.enabled else "no",
                _time(_next_due(each.cron) if each.enabled else None),
                _time(each.last_run),
                each.last_state.lower() or "-",
            )
        console = Console()
        console.print(table)
        for each in found:
            # On one line, so that it can be copied.
            console.print(f"{each.name}  {each.address}", soft_wrap=True, markup=False)


@with_options(Address)
def unschedule(address: dict[str, Any], name: _Name = PIPELINE) -> None:
    """Remove a schedule; runs that it has started continue."""
    with one_line_errors("stopped; run the same command again"):
        from pipeline.cluster import schedules
        from pipeline.cluster.connection import connect

        schedules.unschedule(connect(Address(**address)), name)
        typer.echo(f"Schedule {name} removed")


def _next_due(cron: str) -> datetime | None:
    from pipeline.cluster.cron import read_cron

    try:
        return read_cron(cron.removeprefix("0 ")).next_after(datetime.now(UTC))
    except SettingError:
        # KFP's own form for schedules allows more than five fields.
        return None


def _time(moment: datetime | None) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M}" if moment else "-"
