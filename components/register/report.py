"""Completes the report with the version, and keeps it in MLflow."""

from pathlib import Path

from components.artifacts.files import TRAINING_FILE, atomic_file, read_json
from components.artifacts.report import fill_places
from components.register.registration import Registered
from components.registry.runs import REPORT_NAME, log_text_files


def complete_report(
    model: str | Path, report: str | Path, registered: Registered, released_report: str | Path
) -> None:
    """Writes the report with the version, and replaces the one in the MLflow run of the training.

    Args:
        model: The model artifact: a directory with `training.json`, which names the run.
        report: The report of the gate, an HTML file.
        registered: The registered version.
        released_report: Where to write the report, an HTML file.

    Raises:
        DataError: If the report has no placeholder for the version.
        CaptionflowError: If MLflow can't be used.
    """
    waits = registered.approval
    page = fill_places(
        Path(report).read_text(encoding="utf-8"),
        {
            "version": f"version {registered.version}",
            "release": (waits[0].upper() + waits[1:])
            if waits
            else f"Version {registered.version} became the champion",
        },
    )
    with atomic_file(released_report) as aside:
        aside.write_text(page, encoding="utf-8")
    run_id = read_json(Path(model) / TRAINING_FILE)["mlflow_run_id"]
    log_text_files(run_id, {REPORT_NAME: released_report})
