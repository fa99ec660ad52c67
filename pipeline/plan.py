"""Which steps a run would take from the cache, which it would run, and why.

A step's result is decided by

1. the version of its code (`components.artifacts.code_version`);
2. its parameters, where a path counts by what lies there;
3. the results of the steps that its inputs come from.

These parts make the key of a step, and what is otherwise in them than last time is the reason to
run it again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from components.artifacts.code_version import code_version
from components.artifacts.fingerprint import fingerprint_value
from components.settings.base import is_decisive
from components.settings.run import RunSettings
from pipeline.tasks import Argument, Step

#: Steps whose result hangs on what the registry holds: never taken from a cache.
ASK_THE_REGISTRY = frozenset({"trigger", "rescore", "gate", "register"})
#: Steps that are run again when training is forced.
FORCED = frozenset({"train", "evaluate"})

# Inputs that KFP adds by itself, for images and the like.
_ADDED = "pipelinechannel--"


@dataclass(frozen=True)
class PlannedStep:
    """What a run is going to do about a step.

    Attributes:
        name: The step.
        reused: Whether its result is taken from the cache.
        why: The reason, in words.
        parts: All that decides its result, by name.
        key: What its result is kept under; empty if it is not kept.
    """

    name: str
    reused: bool
    why: str
    parts: Mapping[str, str]
    key: str = ""


def result_inputs(
    steps: list[Step], arguments: Mapping[str, Any], contents: Mapping[str, str]
) -> dict[str, dict[str, str]]:
    """Collects all that decides the result of each step which may be reused.

    Args:
        steps: All steps, in running order.
        arguments: The run's parameters.
        contents: For parameters that name something outside: a fingerprint of what is there.

    Returns:
        By step: `code`; a part for each setting, by its name; `… content` for what a setting
        names; and `after …` with the parts' fingerprint of each step that it takes inputs from.
    """
    parts: dict[str, dict[str, str]] = {}
    for step in steps:
        if step.name in ASK_THE_REGISTRY:
            continue
        parts[step.name] = {"code": code_version(f"components.{step.name}")}
        for name, source in step.parameters.items():
            if name.startswith(_ADDED) or not isinstance(source, Argument):
                continue
            if source.name in contents:
                parts[step.name][f"{name} content"] = contents[source.name]
            elif source.name in RunSettings.model_fields and is_decisive(
                RunSettings.model_fields[source.name]
            ):
                parts[step.name][name] = str(arguments[source.name])
        for output in step.artifacts.values():
            parts[step.name][f"after {output.step}"] = fingerprint_value(parts[output.step])
    return parts


def explain(parts: Mapping[str, str], before: Mapping[str, str] | None) -> str:
    """Says in words what is otherwise than the last time; empty if nothing is."""
    if before is None:
        return "not run before"
    told, follows = [], []
    for name in sorted({*parts, *before}):
        was, now = before.get(name), parts.get(name)
        if was == now:
            continue
        if name == "code":
            told.append("its code or a library changed")
        elif name == "place":
            told.append(f"the data lie elsewhere: {was} → {now}")
        elif name.startswith("after "):
            follows.append(name.removeprefix("after "))
        elif name.endswith(" content"):
            told.append(f"what {name.removesuffix(' content')} names changed")
        else:
            told.append(f"{name}: {was} → {now}")
    if not told and follows:
        return f"takes new input from {' and '.join(follows)}"
    return ", ".join(told)


def located(step: Step, arguments: Mapping[str, Any], contents: Mapping[str, str]) -> str:
    """Returns the place that a step's result names; empty if it names none.

    A manifest names photos where they lie: the same data elsewhere is a new manifest, of the same
    content for all that follows.
    """
    named = [source.name for source in step.parameters.values() if isinstance(source, Argument)]
    if "dataset" in named and "dataset" in contents:
        return str(Path(arguments["dataset"]).absolute())
    return ""


def show_plan(planned: list[PlannedStep], console: Console | None = None) -> None:
    """Shows a plan as a table: each step, whether it runs, and why."""
    table = Table("step", "", "why", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for step in planned:
        if not step.why:
            table.add_row(step.name, "[dim]not needed[/]", "")
        else:
            what = "[green]from the cache[/]" if step.reused else "[yellow]runs[/]"
            table.add_row(step.name, what, escape(step.why))
    (console or Console()).print(table)
