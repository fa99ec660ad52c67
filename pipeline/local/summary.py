"""The summary of a local run: steps, scores, files, and the command that opens MLflow."""

import shlex
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from kfp.dsl import Artifact
from rich.console import Console
from rich.markup import escape

from components.artifacts.dataset_summary import summarize_manifest
from components.artifacts.files import SCORES_FILE, TRAINING_FILE, atomic_file, read_json
from components.artifacts.manifest import read_manifest
from components.artifacts.scores import degeneracy
from components.settings.run import RunSettings
from pipeline.local.advice import advice
from pipeline.local.summary_tables import (
    outcome_line,
    scores_explained,
    scores_table,
    short_path,
    steps_table,
)

#: Folder in the work folder where kfp.local stores artifacts.
ARTIFACTS = "artifacts"
# Where `mlflow ui` listens.
_MLFLOW_UI = "http://127.0.0.1:5000"


@dataclass(frozen=True)
class Summary:
    """The outcome of a local run.

    Attributes:
        root: The work folder.
        log_file: File with all output of the run.
        config_file: File with its settings, which `--config` accepts.
        model_name: The model's name in the registry.
        outputs: Each step's parameters and artifacts, by step and name.
        seconds: Time that each step took; steps from the cache are left out.
        earlier: Time that steps from the cache took when they ran, if it is known.
    """

    root: Path
    log_file: Path
    config_file: Path
    model_name: str
    outputs: Mapping[str, Mapping[str, Any]]
    seconds: Mapping[str, float]
    earlier: Mapping[str, float] = field(default_factory=dict)

    @property
    def trained(self) -> bool:
        """Whether there was a reason to train."""
        return bool(self.outputs["trigger"]["Output"])

    @property
    def passed(self) -> bool:
        """Whether a model was trained and registered."""
        return self.trained and bool(self.outputs["gate"]["Output"])

    @property
    def approval(self) -> str:
        """What to do before the registered model becomes champion; empty: nothing."""
        return str(self.outputs["register"]["approval"]) if self.passed else ""

    @property
    def reason(self) -> str:
        """The gate's reason; the trigger's if no model was trained."""
        return str(self.outputs["gate" if self.trained else "trigger"]["reason"])

    @property
    def files(self) -> Mapping[str, Mapping[str, Path]]:
        """The paths of each step's artifacts, by step and name."""
        return {
            step: {name: Path(v.path) for name, v in outputs.items() if isinstance(v, Artifact)}
            for step, outputs in self.outputs.items()
        }

    @property
    def artifacts(self) -> Path:
        """The newest folder of artifacts; those of reused steps may be in older ones."""
        # The names of these folders begin with the time.
        runs = {file.parents[1] for files in self.files.values() for file in files.values()}
        return max(runs, default=self.root / ARTIFACTS)

    @property
    def scores(self) -> Any:
        """The content of `scores.json`."""
        return read_json(Path(self.outputs["evaluate"]["scores"].path) / SCORES_FILE)


def show_summary(summary: Summary, console: Console | None = None) -> None:
    """Prints the outcome as tables, followed by files and commands."""
    console = console or Console()
    console.print(
        steps_table(summary.files, summary.seconds, summary.earlier, folder=summary.artifacts)
    )
    console.print(
        f"Artifacts are in {short_path(summary.artifacts)}",
        markup=False, highlight=False, soft_wrap=True,
    )  # fmt: skip
    if summary.trained:
        data = summary.outputs["ingest"]["manifest"].metadata
        console.print(scores_table(summary.scores))
        console.print(
            scores_explained(summary.scores, data["photos"], data["captions"]),
            markup=False, highlight=False, soft_wrap=not console.is_terminal,
        )  # fmt: skip
    for title, text in _outcome(summary):
        console.print(outcome_line(title, text, terminal=console.is_terminal), soft_wrap=True)
    for title, text in _places(summary):
        # On one line, so that it can be copied.
        console.print(f"{title:<8}{text}", markup=False, soft_wrap=True, highlight=False)


def _outcome(summary: Summary) -> Iterator[tuple[str, str]]:
    """Yields sentences with their titles, as markup."""
    if not summary.trained:
        yield "Model", f"{_model_version(summary)} [green]unchanged[/]"
        yield "Trigger", escape(summary.reason)
    else:
        yield "Model", f"{_model_version(summary)} {_verdict(summary)}"
        yield "Gate", escape(summary.reason)
        if warning := degeneracy(summary.scores):
            yield "Warning", f"[red]{escape(warning)}[/]"
        if not summary.passed:
            for number, text in enumerate(_advice(summary), 1):
                yield ("Next" if number == 1 else ""), escape(f"{number}. {text}")
        if summary.approval:
            yield "To do", f"[yellow]{escape(summary.approval)}[/]"
    if drift := summary.outputs["trigger"]["drift"]:
        yield "Drift", escape(str(drift))


def _places(summary: Summary) -> Iterator[tuple[str, str]]:
    """Yields files, addresses and commands with their titles."""
    if summary.trained:
        yield "Report", _report(summary)
    yield "Config", short_path(summary.config_file)
    yield "Log", short_path(summary.log_file)
    yield from _mlflow(summary)
    photo, model = _test_photo(summary), _model_flags(summary)
    yield "Caption", _command("captionflow", "caption", photo, *model)
    yield "Demo", _command("captionflow", "demo", *model)


def _verdict(summary: Summary) -> str:
    if summary.approval:
        return "[yellow]registered, not champion yet[/]"
    return "[green]registered[/]" if summary.passed else "[yellow]not registered[/]"


def _model_version(summary: Summary) -> str:
    if summary.passed:
        return f"{summary.model_name} version {summary.outputs['register']['version']}"
    if summary.trained:
        return summary.model_name
    from components.registry.models import find_champion

    champion = find_champion(summary.model_name)
    return f"{summary.model_name} version {champion.version}" if champion else summary.model_name


def _report(summary: Summary) -> str:
    outputs = summary.outputs
    # The report with the version, if there is one.
    report = outputs["register"]["released_report"] if summary.passed else None
    # KFP's file has no suffix, which browsers need.
    target = summary.root / "report.html"
    with atomic_file(target) as aside:
        shutil.copyfile((report or outputs["gate"]["final_report"]).path, aside)
    return short_path(target)


def _mlflow(summary: Summary) -> Iterator[tuple[str, str]]:
    from components.registry.client import printable_tracking_uri
    from components.registry.experiments import runs_page

    # A server's address opens its page; a local store needs a command that starts one.
    address, page = printable_tracking_uri(), runs_page(_settings(summary).experiment)
    if address.startswith(("http://", "https://")):
        yield "MLflow", f"{address.rstrip('/')}{page}"
    else:
        yield "MLflow", _command("mlflow", "ui", "--backend-store-uri", address)
        yield "", f"then open {_MLFLOW_UI}{page}"


def _settings(summary: Summary) -> RunSettings:
    return RunSettings.check(yaml.safe_load(summary.config_file.read_text(encoding="utf-8")))


def _advice(summary: Summary) -> Iterator[str]:
    training = read_json(Path(summary.outputs["train"]["model"].path) / TRAINING_FILE)
    splits = summarize_manifest(summary.outputs["ingest"]["manifest"].path).splits
    return advice(_settings(summary), training, splits)


def _test_photo(summary: Summary) -> str:
    photos = read_manifest(summary.outputs["ingest"]["manifest"].path)
    return short_path(next(photo.uri for photo in photos if photo.split == "test"))


def _model_flags(summary: Summary) -> Sequence[str]:
    # A model that was not released is only among the run's artifacts.
    if summary.trained and not summary.passed:
        return "--bundle", short_path(summary.outputs["evaluate"]["scored_model"].path)
    flags = ["--model-name", summary.model_name, "--root", short_path(summary.root)]
    if summary.approval:
        flags += ["--model-version", str(summary.outputs["register"]["version"])]
    return flags


def _command(program: str, *arguments: str) -> str:
    # The program that is installed beside this Python; the environment may not be active.
    return shlex.join([short_path(Path(sys.executable).parent / program), *arguments])
