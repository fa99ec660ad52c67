"""Plans which steps a run would take from the cache, which it would run, and why.

A step's result depends on

1. the version of its code (`components.artifacts.code_version`);
2. its parameters, with paths replaced by the content of their files;
3. the results of the steps that its inputs come from.

A step's cache key is made from these, and whatever differs from the last run is the reason to run
the step again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from components.artifacts.code_version import code_version
from components.artifacts.fingerprint import fingerprint_value
from components.settings.base import decisive_settings
from components.settings.run import RunSettings
from components.storage.filesystem import is_remote
from pipeline.tasks import Argument, Step

#: Steps whose result depends on the registry; they are never cached.
DEPEND_ON_REGISTRY = frozenset({"trigger", "rescore", "gate", "register"})
#: Steps that `--force` runs again.
FORCED = frozenset({"train", "evaluate"})

# Prefix of the inputs that KFP adds, such as those for images.
_ADDED = "pipelinechannel--"


@dataclass(frozen=True)
class PlannedStep:
    """Whether a run would reuse or run a step, and why.

    Attributes:
        name: The step.
        reused: Whether its result is taken from the cache.
        why: The reason, in one or more sentences; empty if the step is not needed.
        parts: Everything that its result depends on, by name.
        key: Cache key of its result; empty if it is never cached.
        damage: Why its cached result can't be reused; empty if none of its files is damaged.
        forced: Whether it runs whatever is cached (`--no-cache`, `--force`).
    """

    name: str
    reused: bool
    why: str
    parts: Mapping[str, str]
    key: str = ""
    damage: str = ""
    forced: bool = False


def result_inputs(
    steps: list[Step], arguments: Mapping[str, Any], contents: Mapping[str, str]
) -> dict[str, dict[str, str]]:
    """Collects everything that the result of each cacheable step depends on.

    Args:
        steps: All steps, in running order.
        arguments: The run's parameters.
        contents: Content hashes of the files and experiments that parameters name.

    Returns:
        By step: `code`; each setting, by its name; `… content` for a setting that names files or
        an experiment; and `after …` for each step that provides inputs, with the fingerprint of
        that step's own parts.
    """
    decisive = decisive_settings(RunSettings)
    parts: dict[str, dict[str, str]] = {}
    for step in steps:
        if step.name in DEPEND_ON_REGISTRY:
            continue
        parts[step.name] = {"code": code_version(f"components.{step.name}")}
        for name, source in step.parameters.items():
            if name.startswith(_ADDED) or not isinstance(source, Argument):
                continue
            if source.name in contents:
                parts[step.name][f"{name} content"] = contents[source.name]
            elif source.name in decisive:
                parts[step.name][name] = str(arguments[source.name])
        for output in step.artifacts.values():
            parts[step.name][f"after {output.step}"] = fingerprint_value(parts[output.step])
    return parts


def explain(parts: Mapping[str, str], before: Mapping[str, str] | None) -> str:
    """Returns what changed since the last run of a step, in sentences; empty if nothing did."""
    if before is None:
        return "It has not run before."
    changes, new_inputs = [], []
    for name in sorted({*parts, *before}):
        was, now = before.get(name), parts.get(name)
        if was == now:
            continue
        if name == "code":
            changes.append("Its code or a library changed.")
        elif name == "location":
            changes.append(f"The data set moved from {was} to {now}.")
        elif name.startswith("after "):
            new_inputs.append(name.removeprefix("after "))
        elif name == "experiment content":
            changes.append("The MLflow location or experiment changed.")
        elif name.endswith(" content"):
            changes.append(f"The content of {name.removesuffix(' content')} changed.")
        else:
            changes.append(setting_change(name, was, now))
    if not changes and new_inputs:
        return f"Its input from {' and '.join(new_inputs)} will be new."
    return " ".join(changes)


def setting_change(name: str, was: Any, now: Any) -> str:
    """Returns a sentence on a setting whose value changed; None stands for no value."""
    old, new = ("(not set)" if value is None else value for value in (was, now))
    return f"{name} changed from {old} to {new}."


def dataset_location(step: Step, arguments: Mapping[str, Any], contents: Mapping[str, str]) -> str:
    """Returns the data set's location if a step's result contains it; otherwise empty.

    A manifest contains the photos' paths. So a data set that moved needs a new manifest, but the
    steps after it can be reused, since they depend on content alone.
    """
    names = [source.name for source in step.parameters.values() if isinstance(source, Argument)]
    if "dataset" in names and "dataset" in contents:
        dataset = arguments["dataset"]
        return dataset if is_remote(dataset) else str(Path(dataset).absolute())
    return ""


def show_plan(planned: list[PlannedStep], console: Console | None = None) -> None:
    """Prints a plan as a table: each step, whether it runs, and why."""
    # Folded, so that paths and checksums are shown in full.
    why = Column("why", overflow="fold")
    table = Table("step", "", why, box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for step in planned:
        if not step.why:
            table.add_row(step.name, "[dim]not needed[/]", "")
        else:
            what = "[green]from the cache[/]" if step.reused else "[yellow]runs[/]"
            table.add_row(step.name, what, escape(step.why))
    (console or Console()).print(table)
