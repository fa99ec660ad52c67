"""Runs the pipeline on this machine: `python -m pipeline.local`.

The same DAG as on a cluster, run by kfp.local: each step is a process of its own. Everything
lies in one work folder (`--root`): the artifacts of all runs, kfp's cache, unfinished trainings
and, unless `MLFLOW_TRACKING_URI` says otherwise, MLflow's store.
"""

import contextlib
import os
import signal
import sys
import warnings
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import psutil
import typer
from kfp import local
from rich.console import Console

from components.embeddings.source import open_glove, split_member
from components.platform.errors import CaptionflowError, SettingError
from components.platform.storage import content_fingerprint, is_remote
from pipeline.cache import CachedStep, key_steps, step_outputs
from pipeline.config import Preset, Settings, make_settings
from pipeline.console import RunView
from pipeline.dag import captioning_pipeline
from pipeline.kfp_runner import careful_runner
from pipeline.options import with_settings
from pipeline.summary import ARTIFACTS, Summary, show_summary

_ROOT = Path("runs")
_PRESET_HELP = f"The settings to begin with: {' or '.join(Preset)}."
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
    _set_environment(root)
    contents = _contents(settings)
    settings = settings.model_copy(update={"checkpoints": str(root / settings.checkpoints)})
    arguments = settings.model_dump()
    cache = root / "cache"
    local.init(
        runner=local.SubprocessRunner(use_venv=False),
        pipeline_root=str(root / ARTIFACTS),
        enable_caching=True,
        cache_root=str(cache),
    )
    spec = captioning_pipeline.pipeline_spec
    steps = key_steps(spec, arguments, contents, cache, reuse=reuse)
    _say_what_is_reused(console, steps)
    log_file = root / "logs" / f"{datetime.now():%Y-%m-%d-%H%M%S}.log"
    log_file.parent.mkdir(exist_ok=True)
    with log_file.open("w", encoding="utf-8", buffering=1) as log, RunView(console, log) as view:
        decision = _run(captioning_pipeline, arguments, view, log_file)
    return Summary(
        root=root,
        log_file=log_file,
        model_name=settings.model_name,
        outputs={step.name: step_outputs(spec, step.name, cache) for step in steps},
        seconds=view.seconds,
        passed=decision["passed"],
        reason=decision["reason"],
    )


def _run(pipeline: Any, arguments: Mapping[str, Any], view: RunView, log: Path) -> dict[str, Any]:
    try:
        with contextlib.redirect_stdout(view), careful_runner(), warnings.catch_warnings():
            # That display names have no effect here is no news to anyone.
            warnings.filterwarnings("ignore", module=r"kfp\.local")
            outputs: dict[str, Any] = pipeline(**arguments).outputs
            return outputs
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


def _set_environment(root: Path) -> None:
    from components.platform.tracking import local_tracking_uri

    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingError(
            f"root must be a folder that can be written. Received: {error}"
        ) from error
    if not os.environ.get("MLFLOW_TRACKING_URI"):
        os.environ["MLFLOW_TRACKING_URI"] = local_tracking_uri(root)
    # TensorFlow's notes on its own start tell a user nothing.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")


def _contents(settings: Settings) -> dict[str, str]:
    # What the settings name outside the pipeline counts by what is there, not by its name.
    glove, member = split_member(settings.glove)
    named = {
        "dataset": (settings.dataset, "", ("sample",)),
        "glove": (glove, member, ("sample",)),
        "encoder_weights": (settings.encoder_weights, "", ("imagenet", "random")),
    }
    contents = {}
    for name, (path, part, words) in named.items():
        if path not in words:
            try:
                contents[name] = f"{content_fingerprint(path)} {part}"
                if name == "glove" and not is_remote(path):
                    # Which text of a zip is meant is asked now, not after an hour.
                    with open_glove(settings.glove):
                        pass
            except CaptionflowError as error:
                told = str(error)
                raise type(error)(told if told.startswith(name) else f"{name}: {told}") from error
    from components.platform.registry import experiment_identity

    # A model trained into one MLflow store is not in another.
    contents["experiment"] = experiment_identity(settings.experiment)
    return contents


def _say_what_is_reused(console: Console, steps: list[CachedStep]) -> None:
    reused = [step.name for step in steps if step.reused]
    if reused:
        console.print(f"Unchanged, taken from earlier runs: {', '.join(reused)}", highlight=False)


app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
@with_settings
def main(
    given: dict[str, Any],
    preset: Annotated[str, typer.Option(help=_PRESET_HELP)] = Preset.SAMPLE,
    root: Annotated[Path, typer.Option(help="The work folder of this and other runs.")] = _ROOT,
    cache: Annotated[bool, typer.Option(help="Reuse steps whose inputs did not change.")] = True,
) -> None:
    """Learns to describe photos: runs the whole pipeline on this machine."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        show_summary(run_pipeline(make_settings(preset, given), root, reuse=cache))
    except CaptionflowError as error:
        *before, last = str(error).splitlines()
        typer.echo("\n".join([*before, f"captionflow: {last}"]), err=True)
        raise typer.Exit(error.exit_code) from None
    except KeyboardInterrupt:
        typer.echo("captionflow: stopped; run the same command to go on from here", err=True)
        raise typer.Exit(_INTERRUPTED) from None


if __name__ == "__main__":
    app()
