"""What a local run ends with: scores, counts, seconds, places, and what to look at next."""

import os
import shlex
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kfp.dsl import Artifact
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from components.platform.artifacts import SCORES_FILE, read_json, whole_file

#: The folder in the work folder that kfp.local keeps artifacts in.
ARTIFACTS = "artifacts"


@dataclass(frozen=True)
class Summary:
    """The outcome of a local run.

    Attributes:
        root: The work folder.
        log_file: All output of the run.
        model_name: The model's name in the registry.
        outputs: Each step's parameters and artifacts, by step and name.
        seconds: How long each step took that ran; the others came from the cache.
        passed: Whether the model was registered.
        reason: Why, or why not.
    """

    root: Path
    log_file: Path
    model_name: str
    outputs: Mapping[str, Mapping[str, Any]]
    seconds: Mapping[str, float]
    passed: bool
    reason: str

    @property
    def artifacts(self) -> Path:
        """The folder of all artifacts."""
        return self.root / ARTIFACTS

    @property
    def scores(self) -> Any:
        """What `scores.json` holds."""
        return read_json(Path(self.outputs["evaluate"]["scores"].path) / SCORES_FILE)


def show_summary(summary: Summary, console: Console | None = None) -> None:
    """Shows the outcome as tables, and the commands to go on with."""
    console = console or Console()
    console.print(_steps(summary))
    console.print(_scores(summary))
    verdict = "[green]registered[/]" if summary.passed else "[yellow]not registered[/]"
    for line in (
        f"Model   {_released(summary)} {verdict}",
        f"Gate    {escape(summary.reason)}",
        f"Report  {escape(_report(summary))}",
        f"Log     {escape(_short(summary.log_file))}",
        f"MLflow  {escape(_mlflow_page())}",
    ):
        # Whole, so that it can be copied.
        console.print(line, soft_wrap=True, highlight=False)


def _steps(summary: Summary) -> Table:
    table = Table(
        "step",
        Column("seconds", justify="right"),
        # Below that folder, each path fits on a line.
        Column(f"artifact in {_short(summary.artifacts)}", overflow="fold"),
        box=None,
        pad_edge=False,
        padding=(0, 2, 0, 0),
    )
    for step, outputs in summary.outputs.items():
        seconds = summary.seconds.get(step)
        files = [value.path for value in outputs.values() if isinstance(value, Artifact)]
        table.add_row(
            step,
            "cached" if seconds is None else f"{seconds:.1f}",
            "\n".join(os.path.relpath(file, summary.artifacts) for file in files),
        )
    for step, seconds in summary.seconds.items():
        if step not in summary.outputs:
            table.add_row(step, f"{seconds:.1f}", "")
    return table


def _scores(summary: Summary) -> Table:
    scores, manifest = summary.scores, summary.outputs["ingest"]["manifest"].metadata
    orders = [f"bleu{order}" for order in range(1, 5)]
    headings = [Column(f"BLEU-{order[-1]}", justify="right") for order in orders]
    table = Table("search", *headings, box=SIMPLE_HEAD, caption_justify="left")
    for name, bleu in (
        (f"beam {scores['beam_width']}", scores["bleu"]),
        ("greedy", scores["greedy"]),
    ):
        table.add_row(name, *(f"{bleu[order]:.2f}" for order in orders))
    table.caption = (
        f"{scores['images']} test photos of {manifest['photos']:.0f}, "
        f"{manifest['captions']:.0f} captions in all"
    )
    return table


def _released(summary: Summary) -> str:
    if not summary.passed:
        return summary.model_name
    from components.platform.registry import champion

    released = champion(summary.model_name)
    return f"{summary.model_name} version {released.version}" if released else summary.model_name


def _report(summary: Summary) -> str:
    # KFP's file has no suffix, and a browser goes by it.
    target = summary.root / "report.html"
    with whole_file(target) as aside:
        shutil.copyfile(summary.outputs["evaluate"]["report"].path, aside)
    return _short(target)


def _mlflow_page() -> str:
    from components.platform.tracking import tracking_uri, without_credentials

    # A server has its own page; a store on disk or in a database needs one started.
    address = without_credentials(tracking_uri())
    if address.startswith(("http://", "https://")):
        return address
    program = _short(Path(sys.executable).parent / "mlflow")
    return shlex.join([program, "ui", "--backend-store-uri", address])


def _short(path: str | Path) -> str:
    # As a user would type it from here.
    place = Path(path)
    here = Path.cwd()
    return str(place.relative_to(here) if place.is_relative_to(here) else place)
