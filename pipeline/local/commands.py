"""What `captionflow run` does once its settings are known: run, plan or check."""

from pathlib import Path

import typer
from rich.console import Console

from components.captioning.model.caption_lengths import explain_long_captions
from components.storage.filesystem import require_writable
from pipeline.config import Settings
from pipeline.dag import captioning_pipeline
from pipeline.local.cache import restored_spec
from pipeline.local.environment import (
    arguments_of,
    contents_of,
    experiment_fingerprint,
    set_environment,
)
from pipeline.local.quiet import quiet
from pipeline.local.run import run_pipeline
from pipeline.local.summary import show_summary
from pipeline.local.upload import upload_artifacts
from pipeline.plan import PlannedStep, show_plan


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


def print_plan(settings: Settings, root: Path, *, reuse: bool = True) -> None:
    """Prints the plan that `plan_run` returns."""
    show_plan(plan_run(settings, root, reuse=reuse))


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

    # What these warn of is in the table too.
    with quiet(*(f"components.ingest.{package}" for package in ("images", "reading", "report"))):
        report = check_dataset(settings)
    words = report["words"]
    if text := explain_long_captions(words["lengths"], words["unspaced_share"], settings.max_words):
        report["summary"].append(["warning", text])
    (console or Console(markup=False)).print(report_table(report))
