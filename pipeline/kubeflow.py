"""Runs the pipeline on a Kubeflow Pipelines (KFP) cluster: `python -m pipeline.kubeflow`.

    python -m pipeline.kubeflow compile -o build/captionflow.yaml
    python -m pipeline.kubeflow submit --host http://localhost:8080 --wait
    python -m pipeline.kubeflow schedule --cron "0 3 * * 0" --dataset gs://bucket/photos.zip
    python -m pipeline.kubeflow schedules
    python -m pipeline.kubeflow unschedule

The server is found as kfp's own client finds it: by `--host`, by `KF_PIPELINES_ENDPOINT`, as the
one of the cluster that this runs in, or by the kube config.
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Annotated, Any

import kfp
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from components.errors import CaptionflowError, SettingError
from components.settings.base import external_settings
from components.settings.run import RunSettings
from components.storage.filesystem import is_absolute, is_remote
from pipeline.cluster import runs, schedules
from pipeline.cluster.connection import Address, connect
from pipeline.cluster.cron import read_cron
from pipeline.cluster.follow import follow_run
from pipeline.cluster.runs import PIPELINE
from pipeline.config import CONFIG_HELP, DEFAULT_PRESET, PRESETS, make_settings
from pipeline.kubernetes import KubernetesSettings, make_kubernetes_settings
from pipeline.options import with_options

_INTERRUPTED = 130
_PACKAGE = Path("build", f"{PIPELINE}.yaml")

_PLAN_HELP = "Only show what would run and what would be reused, and why; nothing is sent."

_Preset = Annotated[str, typer.Option(help=f"The settings to begin with: {' or '.join(PRESETS)}.")]
_Config = Annotated[Path | None, typer.Option(help=CONFIG_HELP, metavar="FILE")]
_Experiment = Annotated[str, typer.Option(help="The KFP experiment that runs stand under.")]
_Name = Annotated[str, typer.Option(help="The schedule's name; there is one of a name.")]
_Cron = Annotated[
    str,
    typer.Option(help="Minute, hour, day of month, month, day of week, in UTC: '0 3 * * 0'."),
]

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    help="Runs the pipeline on a Kubeflow Pipelines (KFP) cluster.",
)


@app.command("compile")
def compile_(
    output: Annotated[Path, typer.Option("--output", "-o", help="The .yaml file.")] = _PACKAGE,
) -> None:
    """Writes the package of the pipeline that a cluster runs."""
    with _failures_in_a_line():
        if output.suffix not in (".yaml", ".yml"):
            raise SettingError(f"output must end in .yaml. Received: {str(output)!r}")
        from pipeline.package import compile_package

        try:
            compile_package(output)
        except OSError as error:
            raise SettingError(f"output must be a file that can be written: {error}") from error
        typer.echo(output)


@app.command("submit")
@with_options(Address, RunSettings, KubernetesSettings)
def submit(
    address: dict[str, Any],
    settings: dict[str, Any],
    placement: dict[str, Any],
    preset: _Preset = DEFAULT_PRESET,
    config: _Config = None,
    run_name: Annotated[str, typer.Option(help="The run's name; its time if not given.")] = "",
    kfp_experiment: _Experiment = PIPELINE,
    wait: Annotated[bool, typer.Option("--wait", help="Show the steps until the end.")] = False,
    pause: Annotated[float, typer.Option(help="Seconds between looks, at first.", min=0.05)] = 2.0,
    plan: Annotated[bool, typer.Option("--plan", help=_PLAN_HELP)] = False,
) -> None:
    """Starts a run; with --wait, ends with an error unless the run succeeds."""
    with _failures_in_a_line():
        arguments = _arguments(preset, config, settings, placement)
        client = connect(Address(**address))
        if plan:
            _show_plan(client, kfp_experiment, arguments)
            return
        name = run_name or f"{PIPELINE} {preset} {datetime.now():%Y-%m-%d %H:%M:%S}"
        run_id = runs.submit(client, arguments, experiment=kfp_experiment, run_name=name)
        page = runs.run_page(client, run_id)
        typer.echo(f"Run   {run_id}\nPage  {page}")
        if wait:
            with _interruption(f"captionflow: no longer waiting; the run goes on: {page}"):
                follow_run(client, run_id, pause=pause)


@app.command("schedule")
@with_options(Address, RunSettings, KubernetesSettings)
def schedule(
    address: dict[str, Any],
    settings: dict[str, Any],
    placement: dict[str, Any],
    cron: _Cron,
    name: _Name = PIPELINE,
    preset: _Preset = DEFAULT_PRESET,
    config: _Config = None,
    kfp_experiment: _Experiment = PIPELINE,
) -> None:
    """Makes the schedule of this name, or changes it: one run at a time, none to catch up."""
    with _failures_in_a_line():
        when = read_cron(cron)
        arguments = _arguments(preset, config, settings, placement)
        page, replaced = schedules.schedule(
            connect(Address(**address)), when, arguments, experiment=kfp_experiment, name=name
        )
        due = when.next_after(datetime.now(UTC))
        typer.echo(f"Schedule {name} {'changed' if replaced else 'made'}: {when.text}, in UTC")
        typer.echo(f"Next  {_moment(due)}\nPage  {page}")


@app.command("schedules")
@with_options(Address)
def schedules_(address: dict[str, Any]) -> None:
    """Shows the schedules, and how the last run of each ended."""
    with _failures_in_a_line():
        found = schedules.schedules(connect(Address(**address)))
        console = Console()
        if not found:
            typer.echo("There are no schedules. To make one: schedule --cron '0 3 * * 0'")
            return
        table = Table("name", "cron", "on", "next (UTC)", "last (UTC)", "ended", box=None)
        for each in found:
            # What KFP's form for schedules makes may be no line of five fields.
            try:
                due = read_cron(each.cron.removeprefix("0 ")).next_after(datetime.now(UTC))
            except SettingError:
                due = None
            table.add_row(
                escape(each.name),
                each.cron.removeprefix("0 "),
                "yes" if each.enabled else "no",
                _moment(due if each.enabled else None),
                _moment(each.last_run),
                each.last_state.lower() or "-",
            )
        console.print(table)
        for each in found:
            # Whole, so that it can be copied.
            console.print(f"{each.name}  {each.address}", soft_wrap=True, markup=False)


@app.command("unschedule")
@with_options(Address)
def unschedule(address: dict[str, Any], name: _Name = PIPELINE) -> None:
    """Removes a schedule; runs that it has made go on."""
    with _failures_in_a_line():
        schedules.unschedule(connect(Address(**address)), name)
        typer.echo(f"Schedule {name} removed")


def _arguments(
    preset: str, config: Path | None, settings: dict[str, Any], placement: dict[str, Any]
) -> dict[str, Any]:
    arguments = make_settings(preset, settings, config=config).model_dump()
    for name, words in external_settings(RunSettings).items():
        value = arguments[name]
        if value not in words and not is_absolute(value):
            raise SettingError(
                f"{name} must lie where the cluster sees it: gs://…, s3://…, or a path in its "
                f"image or volumes that begins with /. Received: {value!r}"
            )
    for name, claim_folder in (("store", "features"), ("checkpoints", "checkpoints")):
        _require_lasting(name, arguments[name], claim_folder)
    return arguments | make_kubernetes_settings(placement).model_dump()


def _require_lasting(name: str, value: str, claim_folder: str) -> None:
    # Only a volume or a bucket outlives the step's pod (`pipeline.kubernetes.VOLUMES`).
    path = PurePosixPath(value)
    on_volume = path.parts[:1] == (claim_folder,) and ".." not in path.parts
    if value and not on_volume and not is_remote(value):
        raise SettingError(
            f"{name} must lie where the next pod finds it: in {claim_folder}/, a volume on the "
            f"cluster, or at gs://… or s3://…. Received: {value!r}"
        )


def _show_plan(client: kfp.Client, experiment: str, arguments: dict[str, Any]) -> None:
    from pipeline.cluster.plan import plan_submission
    from pipeline.dag import captioning_pipeline
    from pipeline.plan import show_plan

    last = runs.last_run(client, experiment)
    show_plan(plan_submission(captioning_pipeline.pipeline_spec, arguments, last))
    if last:
        typer.echo(f"Compared with {last.name}: {last.address}")


def _moment(moment: datetime | None) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M}" if moment else "-"


@contextmanager
def _failures_in_a_line() -> Iterator[None]:
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with _interruption("captionflow: stopped; run the same command again"):
            yield
    except CaptionflowError as error:
        typer.echo(f"captionflow: {error}", err=True)
        raise typer.Exit(error.exit_code) from None


@contextmanager
def _interruption(told: str) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        typer.echo(told, err=True)
        raise typer.Exit(_INTERRUPTED) from None


if __name__ == "__main__":
    app()
