"""Runs the pipeline on this machine.

kfp.local runs the same DAG as a cluster, each step in a process of its own. One work folder
(`--root`) holds the artifacts of all runs, kfp's cache, checkpoints and, unless
`MLFLOW_TRACKING_URI` is set, the MLflow store.
"""

import sys
from collections.abc import Mapping
from contextlib import closing, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kfp import local
from rich.console import Console

from components.artifacts.files import read_json
from components.artifacts.manifest import REPORT_FILE
from pipeline.config import Settings
from pipeline.dag import captioning_pipeline
from pipeline.local.cache import RunCache, plan_steps, restored_spec, step_outputs
from pipeline.local.console import RunView
from pipeline.local.environment import (
    arguments_of,
    contents_of,
    experiment_fingerprint,
    make_root,
    set_environment,
)
from pipeline.local.kfp_run import read_outputs, run_dag
from pipeline.local.run_folder import clear_killed_runs, new_run_folder
from pipeline.local.steps.server import StepServer
from pipeline.local.steps.times import earlier_times, record_times
from pipeline.local.summary import ARTIFACTS, Summary
from pipeline.plan import PlannedStep


def run_pipeline(
    settings: Settings,
    root: Path,
    *,
    reuse: bool = True,
    console: Console | None = None,
    server: StepServer | None = None,
) -> Summary:
    """Runs the whole DAG on this machine.

    Args:
        settings: Settings of the run.
        root: The work folder; created if it does not exist.
        reuse: Whether to reuse the cached results of steps whose code, settings and data did not
            change.
        console: Where progress is shown; standard output if None.
        server: Runs the steps; if None, a server of this run's own.

    Returns:
        The outcome of the run, with the paths of its artifacts.

    Raises:
        DataError: If a path in the settings does not exist.
        StepFailedError: If a step failed; with its name and its error.
    """
    # Keep the real standard output, which `RunView` is about to replace.
    console = console or Console(file=sys.stdout)
    root = root.absolute()
    make_root(root)
    set_environment(root)
    # It imports the libraries of the steps while this process prepares the run.
    with nullcontext(server) if server else StepServer(captioning_pipeline.pipeline_spec) as steps:
        return _run(settings, root, reuse, console, steps)


def _run(
    settings: Settings, root: Path, reuse: bool, console: Console, server: StepServer
) -> Summary:
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
            closing(cache),
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
                run_dag(arguments, server, view, folder, cache, log_file)
            finally:
                record_times(root / "cache", planned, view.seconds)
        outputs = read_outputs(spec, folder.path, cache)
    return Summary(root, log_file, config_file, settings.model_name, outputs, view.seconds, earlier)


def _print_reused(
    console: Console, planned: list[PlannedStep], earlier: Mapping[str, float]
) -> None:
    reused = [
        f"{step.name} ({earlier[step.name]:.1f} s then)" if step.name in earlier else step.name
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
    """Returns the findings on a data set that `ingest` does not read again."""
    ingest = next(step for step in planned if step.name == "ingest")
    outputs = step_outputs(spec, "ingest", cache) if ingest.reused else None
    if outputs is None:
        return []
    report = read_json(Path(outputs["manifest"].path) / REPORT_FILE)
    return [finding["text"] for finding in report["findings"]]


def _damaged(planned: list[PlannedStep]) -> list[str]:
    return [f"{s.name} runs again: {s.damage}" for s in planned if s.damage]
