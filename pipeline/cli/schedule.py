"""`captionflow schedule`, `schedules` and `unschedule`: recurring runs on a cluster."""

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from components.settings.run import RunSettings
from pipeline.cli.errors import one_line_errors
from pipeline.cli.options import Config, KfpExperiment, Preset
from pipeline.cli.setting_options import with_options
from pipeline.cli.waiting import announce
from pipeline.cluster.address import Address
from pipeline.kubernetes_settings import KubernetesSettings
from pipeline.names import PIPELINE

_Name = Annotated[str, typer.Option(help="Unique name of the schedule.")]
_Cron = Annotated[
    str, typer.Option(help="Cron expression in UTC: '0 3 * * 0' is every Sunday at 3:00.")
]


@with_options(Address, RunSettings, KubernetesSettings)
def schedule(
    address: dict[str, Any],
    settings: dict[str, Any],
    kubernetes: dict[str, Any],
    cron: _Cron,
    name: _Name = PIPELINE,
    preset: Preset = None,
    config: Config = None,
    kfp_experiment: KfpExperiment = PIPELINE,
) -> None:
    """Create or update a schedule. It starts one run at a time and skips missed runs."""
    with one_line_errors("stopped; run the same command again"):
        announce("Connecting to Kubeflow Pipelines …")
        from pipeline.cli.schedule_table import format_time
        from pipeline.cluster import schedules
        from pipeline.cluster.arguments import cluster_arguments
        from pipeline.cluster.connection import connect
        from pipeline.cluster.cron import read_cron

        expression = read_cron(cron)
        arguments = cluster_arguments(preset, config, settings, kubernetes)
        page, replaced = schedules.schedule(
            connect(Address(**address)), expression, arguments, experiment=kfp_experiment, name=name
        )
        next_start = expression.next_after(datetime.now(UTC))
        action = "updated" if replaced else "created"
        typer.echo(f"Schedule {name} {action}: {expression.text} (UTC)")
        typer.echo(f"Next  {format_time(next_start)}\nPage  {page}")


@with_options(Address)
def list_schedules(address: dict[str, Any]) -> None:
    """List the schedules, and how the last run of each one ended."""
    with one_line_errors():
        announce("Connecting to Kubeflow Pipelines …")
        from pipeline.cli.schedule_table import show_schedules
        from pipeline.cluster import schedules
        from pipeline.cluster.connection import connect

        found = schedules.schedules(connect(Address(**address)))
        if found:
            show_schedules(found)
        else:
            typer.echo("No schedules yet. Create one with: captionflow schedule --cron '0 3 * * 0'")


@with_options(Address)
def unschedule(address: dict[str, Any], name: _Name = PIPELINE) -> None:
    """Delete a schedule. Runs that it has started continue."""
    with one_line_errors("stopped; run the same command again"):
        announce("Connecting to Kubeflow Pipelines …")
        from pipeline.cluster import schedules
        from pipeline.cluster.connection import connect

        schedules.unschedule(connect(Address(**address)), name)
        typer.echo(f"Schedule {name} deleted.")
