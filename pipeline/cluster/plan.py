"""`submit --plan`: what a run on a cluster would do, compared with the last one that succeeded.

On a cluster KFP decides what is reused, by what a step takes in: its image, its component's text,
its parameters and, for `features`, a fingerprint of photos, captions and weights. All but the
fingerprint is known before anything runs.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from google.protobuf import json_format

from pipeline.cluster.runs import FinishedRun
from pipeline.kubernetes import NEEDS
from pipeline.plan import PlannedStep
from pipeline.tasks import Argument, Step, steps_of

# Parameters that say only where a step runs.
_NOT_COMPARED = frozenset({"gpus", "train_nodes", "checkpoints"})
# What else KFP sees of what comes before `features`, in the fingerprint that goes in there; of the
# data themselves only a run can tell.
_IN_FINGERPRINT = ("min_count",)


def plan_submission(
    spec: Any,
    arguments: Mapping[str, Any],
    last: FinishedRun | None,
) -> list[PlannedStep]:
    """Plans a run on a cluster.

    Args:
        spec: The `PipelineSpec` that would be sent.
        arguments: Its parameters.
        last: The last run that succeeded; None if there was none.

    Returns:
        All steps, in the order in which they run.
    """
    if last is None:
        return [PlannedStep(step.name, False, "no run here before", {}) for step in steps_of(spec)]
    then = last.pipeline_spec
    before = {**_defaults(then), **last.parameters}
    now = json_format.MessageToDict(spec)
    changes: dict[str, list[str]] = {}
    planned = []
    for step in steps_of(spec):
        own = _changes(step, arguments, before)
        if _component(now, step.name) != _component(then, step.name):
            own.insert(0, "its component changed")
        inherited = [told for source in _sources(step) for told in changes[source]]
        changes[step.name] = list(dict.fromkeys([*own, *inherited]))
        if NEEDS[step.name].cached:
            changes[step.name] = [*own, *_named(_IN_FINGERPRINT, arguments, before)]
        planned.append(_planned(step, changes[step.name]))
    return planned


def _planned(step: Step, changes: list[str]) -> PlannedStep:
    told = ", ".join(changes)
    if not NEEDS[step.name].cached:
        return PlannedStep(step.name, False, told or _why_each_time(step.name), {})
    if told:
        return PlannedStep(step.name, False, told, {})
    return PlannedStep(step.name, True, "nothing changed, if the data did not either", {})


def _why_each_time(name: str) -> str:
    match name:
        case "ingest":
            return "each time: sees whether the data changed"
        case "trigger":
            return "each time: compares with the champion, and may end the run here"
        case "rescore" | "gate" | "register":
            return "asks the registry"
        case _:
            return "each time there is a reason to train"


def _changes(step: Step, now: Mapping[str, Any], before: Mapping[str, Any]) -> list[str]:
    names = {source.name for source in step.parameters.values() if isinstance(source, Argument)}
    return _named(sorted(names - _NOT_COMPARED), now, before)


def _named(names: Iterable[str], now: Mapping[str, Any], before: Mapping[str, Any]) -> list[str]:
    return [
        f"{name}: {_whole(before.get(name))} → {now[name]}"
        for name in names
        if before.get(name) != now[name]
    ]


def _whole(value: Any) -> Any:
    # JSON, as KFP keeps it, has no integers.
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _sources(step: Step) -> list[str]:
    return sorted({output.step for output in step.artifacts.values()})


def _defaults(spec: Mapping[str, Any]) -> dict[str, Any]:
    parameters = spec.get("root", {}).get("inputDefinitions", {}).get("parameters", {})
    return {name: given.get("defaultValue") for name, given in parameters.items()}


def _component(spec: Mapping[str, Any], name: str) -> Any:
    executor = spec.get("deploymentSpec", {}).get("executors", {}).get(f"exec-{name}", {})
    return executor.get("container", {}).get("command")
