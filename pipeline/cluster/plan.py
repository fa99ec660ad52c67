"""`submit --plan`: what a run on a cluster would do, compared with the last one that succeeded.

On a cluster every step that is reached runs: KFP's cache is off (`pipeline.kubernetes` says why).
So the plan tells what changed since then for each step, and what spares work within it.
"""

from collections.abc import Mapping
from typing import Any

import kfp
import typer
from google.protobuf import json_format

from components.settings.base import is_decisive
from components.settings.run import RunSettings
from pipeline.cluster.runs import FinishedRun, last_run
from pipeline.kubernetes_settings import KubernetesSettings
from pipeline.plan import PlannedStep, show_plan
from pipeline.tasks import Argument, Step, steps_of

# Settings that only say where something is kept or run are not compared.
_DECISIVE = {
    name
    for group in (RunSettings, KubernetesSettings)
    for name, field in group.model_fields.items()
    if is_decisive(field)
}
# What there is to say of a step besides what changed.
_NOTES = {
    "ingest": "reads the data set each time, to see whether it changed",
    "trigger": "ends the run here if there is no reason to train",
    "features": "encodes only photos that the feature store does not have",
    "train": "resumes from its checkpoints if the same training was cut off",
}
_NO_STORE = "encodes all photos: --store is empty"
_UNCHANGED = "no setting changed; runs if trigger finds a reason to train"


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
        said = [", ".join(changes[step.name]), _note(step.name, arguments)]
        planned.append(
            PlannedStep(step.name, False, "; ".join(filter(None, said)) or _UNCHANGED, {})
        )
    return planned


def show_submission_plan(client: kfp.Client, experiment: str, arguments: Mapping[str, Any]) -> None:
    """Prints the plan of a run on a cluster, compared with the experiment's last one.

    Raises:
        CaptionflowError: If the server refuses.
    """
    # Tracing the DAG takes kfp seconds.
    from pipeline.dag import captioning_pipeline

    last = last_run(client, experiment)
    show_plan(plan_submission(captioning_pipeline.pipeline_spec, arguments, last))
    if last:
        typer.echo(f"Compared with {last.name}: {last.address}")


def _note(name: str, arguments: Mapping[str, Any]) -> str:
    if name == "features" and not arguments["store"]:
        return _NO_STORE
    return _NOTES.get(name, "")


def _changes(step: Step, now: Mapping[str, Any], before: Mapping[str, Any]) -> list[str]:
    names = {source.name for source in step.parameters.values() if isinstance(source, Argument)}
    return [
        f"{name}: {_whole(before.get(name))} → {now[name]}"
        for name in sorted(names & _DECISIVE)
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
