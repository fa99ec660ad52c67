"""Runs the pipeline on this machine: `python -m pipeline.local`.

The same DAG as on a cluster, run by kfp.local: each step is a process of its own. Everything
lies in one work folder (`--root`): the artifacts of all runs, kfp's cache, unfinished trainings
and, unless `MLFLOW_TRACKING_URI` says otherwise, MLflow's store.
"""

import contextlib
import signal
import sys
import warnings
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import psutil
import typer
from kfp import local
from rich.console import Console

from components.artifacts.files import read_json
from components.errors import CaptionflowError
from components.storage.filesystem import require_writable
from pipeline.config import CONFIG_HELP, DEFAULT_PRESET, PRESETS, Settings, make_settings
from pipeline.dag import captioning_pipeline
from pipeline.kfp_patches import patched_kfp
from pipeline.local.cache import plan_steps, remember, restored_spec, step_outputs
from pipeline.local.console import RunView
from pipeline.local.environment import (
    arguments_of,
    contents_of,
    experiment_fingerprint,
    make_root,
    set_environment,
)
from pipeline.local.summary import ARTIFACTS, Summary, show_summary
from pipeline.options import with_options
from pipeline.plan import PlannedStep, show_plan
from pipeline.tasks import steps_of
from pipeline.upload import upload_artifacts

_ROOT = Path("runs")
_PRESET_HELP = f"The settings to begin with: {' or '.join(PRESETS)}."
_UPLOAD_HELP = (
    "Afterwards copy the run's artifacts to a folder, gs://BUCKET/PREFIX or s3://BUCKET/PREFIX."
)
_PLAN_HELP = "Only show which steps would run and which come from the cache, and why."
_CHECK_HELP = "Only read and check the data set, and show what it holds."
_NO_STORE_HELP = "Compute all features, and keep none: as --store ''."
_INTERRUPTED = 130
# Seconds that a step's processes have to end by themselves when the run is stopped.
_GRACE = 10


class StepFailedError(CaptionflowError):
    """A step of the DAG failed; the message is the step's own."""


def run_pipeline(
    settings: Settings, root: Path, *, reuse: bool = True, console: Console | None = None
) -> Summary:
    """Runs the whole DAG on this machine.

    Args:
        settings: What to run.
        root: The work folder; made if it is not there.
        reuse: Whether steps whose code, settings and data did not change are taken from the
            cache.
        console: Where progress is shown; standard output if None.

    Returns:
        What came out, and where it lies.

    Raises:
        DataError: If a path in the settings leads nowhere.
        StepFailedError: If a step failed; with its name and its own error.
    """
    # Bound now: `RunView` is going to stand in for standard output.
    console = console or Console(file=sys.stdout)
    root = root.absolute()
    make_root(root)
    set_environment(root)
    arguments, contents = arguments_of(settings, root), contents_of(settings)
    # A model trained into one MLflow store is not in another.
    contents["experiment"] = experiment_fingerprint(settings.experiment, make=True)
    cache = root / "cache"
    local.init(
        runner=local.SubprocessRunner(use_venv=False),
        pipeline_root=str(root / ARTIFACTS),
        enable_caching=True,
        cache_root=str(cache),
    )
    log_file = root / "logs" / f"{datetime.now(UTC):%Y-%m-%d-%H%M%S}.log"
    log_file.parent.mkdir(exist_ok=True)
    # What `--config` takes for the same run again.
    config_file = log_file.with_suffix(".yaml")
    config_file.write_text(settings.to_yaml(), encoding="utf-8")
    with restored_spec(captioning_pipeline.pipeline_spec) as spec:
        planned = plan_steps(spec, arguments, contents, cache, reuse=reuse)
        _say_what_is_reused(console, planned)
        try:
            with log_file.open("w", encoding="utf-8", buffering=1) as log:
                view = RunView(console, log)
                with view:
                    folder = _run(captioning_pipeline, arguments, view, log_file)
        finally:
            remember(spec, planned, cache)
        outputs = _outputs(spec, root / ARTIFACTS / folder, cache)
    return Summary(root, log_file, config_file, settings.model_name, outputs, view.seconds)


def _outputs(spec: Any, folder: Path, cache: Path) -> dict[str, Mapping[str, Any]]:
    # Of the steps of this run; those of a step that is never reused are in its folder alone.
    outputs: dict[str, Mapping[str, Any]] = {}
    for step in steps_of(spec):
        file = folder / step.name / "executor_output.json"
        if (found := step_outputs(spec, step.name, cache)) is not None:
            outputs[step.name] = found
        elif file.exists():
            outputs[step.name] = read_json(file).get("parameterValues", {})
        if step.name == "trigger" and not outputs["trigger"]["Output"]:
            break
    return outputs


def _run(pipeline: Any, arguments: Mapping[str, Any], view: RunView, log: Path) -> str:
    try:
        with (
            contextlib.redirect_stdout(view),
            patched_kfp() as folders,
            warnings.catch_warnings(),
        ):
            # That display names have no effect here is no news to anyone.
            warnings.filterwarnings("ignore", module=r"kfp\.local")
            pipeline(**arguments)
            return folders[0]
    except RuntimeError as error:
        # kfp raises this for a failed step, after the step has printed why.
        if view.current is None:
            raise
        told = view.failure or f"{view.current}: ended without an error. Its last line: {view.last}"
        raise StepFailedError(f"All output of the run: {log}\n{told}") from error
    except KeyboardInterrupt:
        _stop_children()
        raise


def _stop_children() -> None:
    # A signal from a terminal reaches the steps too; one from elsewhere reaches this process only.
    children = psutil.Process().children(recursive=True)
    for child in children:
        with contextlib.suppress(psutil.NoSuchProcess):
            child.send_signal(signal.SIGINT)
    for child in psutil.wait_procs(children, timeout=_GRACE)[1]:
        with contextlib.suppress(psutil.NoSuchProcess):
            child.kill()


def _say_what_is_reused(console: Console, planned: list[PlannedStep]) -> None:
    reused = [step.name for step in planned if step.reused]
    if reused:
        console.print(f"Unchanged since earlier runs: {', '.join(reused)}", highlight=False)


def plan_run(settings: Settings, root: Path, *, reuse: bool = True) -> list[PlannedStep]:
    """Returns what `run_pipeline` would do; nothing is run, made or changed.

    Raises:
        DataError: If a path in the settings leads nowhere.
        CaptionflowError: If MLflow can't be used.
    """
    from pipeline.local.dry_run import dry_run

    root = root.absolute()
    set_environment(root)
    arguments, contents = arguments_of(settings, root), contents_of(settings)
    contents["experiment"] = experiment_fingerprint(settings.experiment, make=False)
    with restored_spec(captioning_pipeline.pipeline_spec) as spec:
        return dry_run(spec, arguments, contents, root / "cache", reuse=reuse)


def show_dataset(settings: Settings, console: Console | None = None) -> None:
    """Reads and checks the data set as `ingest` does, and shows what it holds.

    Args:
        settings: Of the run: those of `ingest` count.
        console: Where it is shown; standard output if None.

    Raises:
        DataError: If a run would stop at `ingest`.
    """
    # Beam takes seconds to import, and only this needs it here.
    from components.ingest.check import check_dataset
    from components.ingest.table import report_table

    report = check_dataset(settings)
    (console or Console(markup=False)).print(report_table(report))


app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
@with_options(Settings)
def main(
    given: dict[str, Any],
    preset: Annotated[str, typer.Option(help=_PRESET_HELP)] = DEFAULT_PRESET,
    config: Annotated[Path | None, typer.Option(help=CONFIG_HELP, metavar="FILE")] = None,
    root: Annotated[Path, typer.Option(help="The work folder of this and other runs.")] = _ROOT,
    cache: Annotated[bool, typer.Option(help="Reuse steps whose inputs did not change.")] = True,
    plan: Annotated[bool, typer.Option("--plan", help=_PLAN_HELP)] = False,
    check: Annotated[bool, typer.Option("--check", help=_CHECK_HELP)] = False,
    no_store: Annotated[bool, typer.Option("--no-store", help=_NO_STORE_HELP)] = False,
    upload: Annotated[str | None, typer.Option(help=_UPLOAD_HELP, metavar="URI")] = None,
) -> None:
    """Learns to describe photos: runs the whole pipeline on this machine."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        settings = make_settings(
            preset, {**given, "store": ""} if no_store else given, config=config
        )
        if check:
            show_dataset(settings)
            return
        if plan:
            show_plan(plan_run(settings, root, reuse=cache))
            return
        if upload:
            # Checked now, not after an hour.
            require_writable(upload)
        summary = run_pipeline(settings, root, reuse=cache)
        show_summary(summary)
        if upload:
            for place in upload_artifacts(summary.files, upload).values():
                typer.echo(place)
    except CaptionflowError as error:
        *before, last = str(error).splitlines()
        typer.echo("\n".join([*before, f"captionflow: {last}"]), err=True)
        raise typer.Exit(error.exit_code) from None
    except KeyboardInterrupt:
        typer.echo("captionflow: stopped; run the same command to go on from here", err=True)
        raise typer.Exit(_INTERRUPTED) from None


if __name__ == "__main__":
    app()
