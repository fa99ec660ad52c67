"""Runs the pipeline on this machine.

kfp.local runs the same DAG as a cluster, each step in a process of its own. One work folder
(`--root`) holds the artifacts of all runs, kfp's cache, checkpoints and, unless
`MLFLOW_TRACKING_URI` is set, the MLflow store.
"""

import contextlib
import os
import signal
import sys
import warnings
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import typer
from kfp import dsl, local
from rich.console import Console

from components.artifacts.files import read_json
from components.artifacts.manifest import REPORT_FILE
from components.errors import CaptionflowError
from components.runtime.execution import PARENT_VARIABLE
from components.storage.filesystem import require_writable
from pipeline.config import Settings
from pipeline.dag import captioning_pipeline
from pipeline.kfp_patches import patched_kfp
from pipeline.local.cache import RunCache, plan_steps, restored_spec, step_outputs
from pipeline.local.console import RunView, Seconds
from pipeline.local.environment import (
    arguments_of,
    contents_of,
    experiment_fingerprint,
    make_root,
    set_environment,
)
from pipeline.local.run_folder import RunFolder, clear_killed_runs, new_run_folder
from pipeline.local.step_times import earlier_times, record_times
from pipeline.local.summary import ARTIFACTS, Summary, show_summary
from pipeline.local.upload import upload_artifacts
from pipeline.plan import PlannedStep, show_plan
from pipeline.tasks import steps_of

# Seconds that a step's processes have to exit after an interrupted run.
_GRACE = 10


class StepFailedError(CaptionflowError):
    """A step of the DAG failed; the message is the step's own error, below the log's place."""

    has_lines = True


def run_pipeline(
    settings: Settings, root: Path, *, reuse: bool = True, console: Console | None = None
) -> Summary:
    """Runs the whole DAG on this machine.

    Args:
        settings: Settings of the run.
        root: The work folder; created if it does not exist.
        reuse: Whether to reuse the cached results of steps whose code, settings and data did not
            change.
        console: Where progress is shown; standard output if None.

    Returns:
        The outcome of the run, with the paths of its artifacts.

    Raises:
        DataError: If a path in the settings does not exist.
        StepFailedError: If a step failed; with its name and its error.
    """
    # Refer to the real standard output, which `RunView` is about to replace.
    console = console or Console(file=sys.stdout)
    root = root.absolute()
    make_root(root)
    set_environment(root)
    arguments, contents = arguments_of(settings, root), contents_of(settings)
    # A model that was trained with one MLflow store is missing in another.
    contents["experiment"] = experiment_fingerprint(settings.experiment, create=True)
    clear_killed_runs(root)
    # Two runs may start in the same second.
    log_file = root / "logs" / f"{datetime.now(UTC):%Y-%m-%d-%H%M%S-%f}.log"
    log_file.parent.mkdir(exist_ok=True)
    # `--config` accepts this file, to repeat the run.
    config_file = log_file.with_suffix(".yaml")
    config_file.write_text(settings.to_yaml(), encoding="utf-8")
    with restored_spec(captioning_pipeline.pipeline_spec) as spec:
        planned = plan_steps(spec, arguments, contents, root / "cache", reuse=reuse)
        cache = RunCache(root / "cache", spec, planned, lambda step: _print_wait(console, step))
        earlier = earlier_times(root / "cache", planned)
        _print_reused(console, planned, earlier)
        # `ingest` logs them itself, unless it is reused.
        for text in _findings(spec, planned, root / "cache"):
            console.print(f"Data: {text}", style="yellow", markup=False, soft_wrap=True)
        with (
            contextlib.closing(cache),
            log_file.open("w", encoding="utf-8", buffering=1) as log,
            RunView(console, log) as view,
            new_run_folder(root) as folder,
        ):
            for line in _damaged(planned):
                console.print(line, style="yellow", markup=False, soft_wrap=True)
                log.write(f"{line}\n")
            local.init(
                runner=local.SubprocessRunner(use_venv=False),
                pipeline_root=str(root / ARTIFACTS),
                workspace_root=str(folder.temporary / "workspace"),
            )
            try:
                _run(captioning_pipeline, arguments, view, folder, cache, log_file)
            finally:
                record_times(root / "cache", planned, view.seconds)
        outputs = _outputs(spec, folder.path, cache)
    return Summary(root, log_file, config_file, settings.model_name, outputs, view.seconds, earlier)


def _outputs(spec: Any, folder: Path, cache: RunCache) -> dict[str, Mapping[str, Any]]:
    # The outputs of steps that are never cached are only in the run's own folder.
    outputs: dict[str, Mapping[str, Any]] = {}
    for step in steps_of(spec):
        file = folder / step.name / "executor_output.json"
        if step.name in cache.outputs:
            outputs[step.name] = cache.outputs[step.name]
        elif file.exists():
            written = read_json(file)
            artifacts = {
                name: dsl.Artifact(uri=artifact["uri"], metadata=artifact.get("metadata", {}))
                for name, each in written.get("artifacts", {}).items()
                for artifact in each["artifacts"]
            }
            outputs[step.name] = {**written.get("parameterValues", {}), **artifacts}
    return outputs


def _run(
    pipeline: Any,
    arguments: Mapping[str, Any],
    view: RunView,
    folder: RunFolder,
    cache: RunCache,
    log: Path,
) -> None:
    from components.registry.ownership import RUN_VARIABLE

    variables = {
        "TMPDIR": str(folder.temporary),
        RUN_VARIABLE: folder.path.name,
        PARENT_VARIABLE: str(os.getpid()),
    }
    try:
        with (
            contextlib.redirect_stdout(view),
            patched_kfp(folder.path.name, cache, variables=variables, on_exit=view.end),
            warnings.catch_warnings(),
        ):
            # kfp.local warns that it ignores display names.
            warnings.filterwarnings("ignore", module=r"kfp\.local")
            pipeline(**arguments)
    except RuntimeError as error:
        # kfp raises this when a step failed.
        if view.failure is None:
            raise
        raise StepFailedError(f"All output of the run: {log}\n{view.failure}") from error
    except KeyboardInterrupt:
        _stop_children()
        raise


def _stop_children() -> None:
    # Ctrl-C in a terminal also reaches the steps; other signals reach only this process.
    children = psutil.Process().children(recursive=True)
    for child in children:
        with contextlib.suppress(psutil.NoSuchProcess):
            child.send_signal(signal.SIGINT)
    for child in psutil.wait_procs(children, timeout=_GRACE)[1]:
        with contextlib.suppress(psutil.NoSuchProcess):
            child.kill()


def _print_reused(
    console: Console, planned: list[PlannedStep], earlier: Mapping[str, Seconds]
) -> None:
    reused = [
        f"{step.name} ({sum(earlier[step.name]):.1f} s then)" if step.name in earlier else step.name
        for step in planned
        if step.reused
    ]
    if reused:
        console.print(f"Unchanged since earlier runs: {', '.join(reused)}", highlight=False)


def _print_wait(console: Console, step: str) -> None:
    console.print(
        f"{step} waits: another run in this work folder is doing the same, and its result will do.",
        highlight=False,
        soft_wrap=True,
    )


def _findings(spec: Any, planned: list[PlannedStep], cache: Path) -> list[str]:
    """Returns what limits a model of a data set that `ingest` does not read again."""
    ingest = next(step for step in planned if step.name == "ingest")
    outputs = step_outputs(spec, "ingest", cache) if ingest.reused else None
    if outputs is None:
        return []
    report = read_json(Path(outputs["manifest"].path) / REPORT_FILE)
    return [finding["text"] for finding in report["findings"]]


def _damaged(planned: list[PlannedStep]) -> list[str]:
    return [f"{s.name} runs again: {s.damage}" for s in planned if s.damage]


def plan_run(settings: Settings, root: Path, *, reuse: bool = True) -> list[PlannedStep]:
    """Returns what `run_pipeline` would do, without running or creating anything.

    Args:
        settings: See `run_pipeline`.
        root: The work folder.
        reuse: See `run_pipeline`.

    Raises:
        DataError: If a path in the settings does not exist.
        CaptionflowError: If MLflow can't be used.
    """
    from pipeline.local.dry_run import dry_run

    root = root.absolute()
    set_environment(root)
    arguments, contents = arguments_of(settings, root), contents_of(settings)
    contents["experiment"] = experiment_fingerprint(settings.experiment, create=False)
    with restored_spec(captioning_pipeline.pipeline_spec) as spec:
        return dry_run(spec, arguments, contents, root / "cache", reuse=reuse)


def show_dataset(settings: Settings, root: Path, console: Console | None = None) -> None:
    """Checks the data set as `ingest` does, and shows its content.

    Args:
        settings: Settings of the run; only those of `ingest` matter.
        root: The work folder, whose MLflow store may have the model to continue from; it is not
            created.
        console: Where to print; standard output if None.

    Raises:
        DataError: If a run would stop at `ingest`.
        CaptionflowError: If MLflow can't be used.
    """
    set_environment(root)
    # Beam takes seconds to import, and nothing else in this module needs it.
    from components.ingest.check import check_dataset
    from components.ingest.report.table import report_table

    report = check_dataset(settings)
    (console or Console(markup=False)).print(report_table(report))


def run_and_show(
    settings: Settings, root: Path, *, reuse: bool = True, upload: str | None = None
) -> None:
    """Runs the pipeline, shows the outcome and optionally uploads the artifacts.

    Args:
        settings: Settings of the run.
        root: The work folder.
        reuse: See `run_pipeline`.
        upload: URI to upload the artifacts to; None to upload nothing.

    Raises:
        SettingError: If the URI is not writable; raised before the run starts.
        CaptionflowError: See `run_pipeline` and `upload_artifacts`.
    """
    if upload:
        require_writable(upload)
    summary = run_pipeline(settings, root, reuse=reuse)
    show_summary(summary)
    if upload:
        for uri in upload_artifacts(summary.files, upload).values():
            typer.echo(uri)


def print_plan(settings: Settings, root: Path, *, reuse: bool = True) -> None:
    """Prints the plan that `plan_run` returns."""
    show_plan(plan_run(settings, root, reuse=reuse))
