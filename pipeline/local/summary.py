"""What a local run ends with: scores, counts, seconds, places, and what to look at next."""

import os
import shlex
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kfp.dsl import Artifact
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from components.artifacts.files import SCORES_FILE, atomic_file, read_json
from components.artifacts.scores import TITLES, search_scores
from pipeline.local.console import Seconds

#: The folder in the work folder that kfp.local keeps artifacts in.
ARTIFACTS = "artifacts"


@dataclass(frozen=True)
class Summary:
    """The outcome of a local run.

    Attributes:
        root: The work folder.
        log_file: All output of the run.
        config_file: Its settings, as `--config` takes them.
        model_name: The model's name in the registry.
        outputs: Each step's parameters and artifacts, by step and name.
        seconds: How long each step took that ran; the others came from the cache.
    """

    root: Path
    log_file: Path
    config_file: Path
    model_name: str
    outputs: Mapping[str, Mapping[str, Any]]
    seconds: Mapping[str, Seconds]

    @property
    def trained(self) -> bool:
        """Whether there was a reason to train."""
        return bool(self.outputs["trigger"]["Output"])

    @property
    def passed(self) -> bool:
        """Whether a model was trained, and registered."""
        return self.trained and bool(self.outputs["gate"]["Output"])

    @property
    def reason(self) -> str:
        """Why, or why not: what the gate said, or before it the trigger."""
        return str(self.outputs["gate" if self.trained else "trigger"]["reason"])

    @property
    def files(self) -> Mapping[str, Mapping[str, Path]]:
        """Where each step's artifacts lie, by step and name."""
        return {
            step: {name: Path(v.path) for name, v in outputs.items() if isinstance(v, Artifact)}
            for step, outputs in self.outputs.items()
        }

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
    if summary.trained:
        console.print(_scores(summary))
    for title, text in _lines(summary):
        # Whole, so that it can be copied.
        console.print(f"{title:<8}{text}", soft_wrap=True, highlight=False)


def _lines(summary: Summary) -> Iterator[tuple[str, str]]:
    if not summary.trained:
        yield "Model", f"{_released(summary)} [green]unchanged[/]"
        yield "Trigger", escape(summary.reason)
    else:
        verdict = "[green]registered[/]" if summary.passed else "[yellow]not registered[/]"
        yield "Model", f"{_released(summary)} {verdict}"
        yield "Gate", escape(summary.reason)
        yield "Report", escape(_report(summary))
    yield "Config", escape(_short(summary.config_file))
    yield "Log", escape(_short(summary.log_file))
    yield "MLflow", escape(_mlflow_page())


def _steps(summary: Summary) -> Table:
    table = Table(
        "step",
        Column("start-up", justify="right"),
        Column("work", justify="right"),
        # Below that folder, each path fits on a line.
        Column(f"artifact in {_short(summary.artifacts)}", overflow="fold"),
        box=None,
        pad_edge=False,
        padding=(0, 2, 0, 0),
    )
    for step, files in summary.files.items():
        seconds = summary.seconds.get(step)
        table.add_row(
            step,
            "" if seconds is None else f"{seconds.start_up:.1f} s",
            "cached" if seconds is None else f"{seconds.work:.1f} s",
            "\n".join(os.path.relpath(file, summary.artifacts) for file in files.values()),
        )
    return table


def _scores(summary: Summary) -> Table:
    scores, manifest = summary.scores, summary.outputs["ingest"]["manifest"].metadata
    headings = [Column(title, justify="right") for title in TITLES.values()]
    table = Table("search", *headings, box=SIMPLE_HEAD, caption_justify="left")
    for name, values in (
        (f"beam {scores['beam_width']}", search_scores(scores, "beam")),
        ("greedy", search_scores(scores, "greedy")),
    ):
        table.add_row(name, *(f"{value:.2f}" for value in values.values()))
    table.caption = (
        f"{scores['images']} test photos of {manifest['photos']:.0f}, "
        f"{manifest['captions']:.0f} captions in all\n"
        f"{scores['distinct_captions']} different captions of {scores['mean_words']:.1f} words; "
        f"{scores['vocabulary_used']} of {scores['vocabulary_known']} words used"
    )
    return table


def _released(summary: Summary) -> str:
    if summary.trained and not summary.passed:
        return summary.model_name
    from components.registry.models import find_champion

    released = find_champion(summary.model_name)
    return f"{summary.model_name} version {released.version}" if released else summary.model_name


def _report(summary: Summary) -> str:
    # KFP's file has no suffix, and a browser goes by it.
    target = summary.root / "report.html"
    with atomic_file(target) as aside:
        shutil.copyfile(summary.outputs["evaluate"]["report"].path, aside)
    return _short(target)


def _mlflow_page() -> str:
    from components.registry.client import printable_tracking_uri

    # A server has its own page; a store on disk or in a database needs one started.
    address = printable_tracking_uri()
    if address.startswith(("http://", "https://")):
        return address
    program = _short(Path(sys.executable).parent / "mlflow")
    return shlex.join([program, "ui", "--backend-store-uri", address])


def _short(path: str | Path) -> str:
    # As a user would type it from here.
    place = Path(path)
    here = Path.cwd()
    return str(place.relative_to(here) if place.is_relative_to(here) else place)
