"""`captionflow submit --plan`: what a run on a cluster would do.

On a cluster no step is reused: KFP's cache is off (`pipeline.kubernetes` says why). So the plan
lists, for each step, what changed since the last successful run, and which work the step skips.
"""

from collections.abc import Mapping
from typing import Any

import kfp
import typer
from google.protobuf import json_format

from components.settings.base import decisive_settings
from components.settings.run import RunSettings
from pipeline.cluster.runs import FinishedRun, last_run
from pipeline.kubernetes_settings import KubernetesSettings
from pipeline.plan import PlannedStep, setting_change, show_plan
from pipeline.tasks import Argument, Step, steps_of

# Settings that only say where something is stored or runs are not compared.
_DECISIVE = decisive_settings(RunSettings, KubernetesSettings)
# Remarks on steps, printed after the changes.
_NOTES = {
    "ingest": "Reads the data set every time, to see whether it changed.",
    "trigger": "Ends the run if there is no reason to train.",
    "features": "Encodes only photos that the feature store does not have.",
    "train": "Resumes from its checkpoints if the same training was interrupted.",
}
_NO_STORE = "Encodes all photos, since --store is empty."
_FIRST_RUN = "This experiment has no successful run yet."
_UNCHANGED = "No setting changed. Runs if trigger finds a reason to train."


def plan_submission(
    spec: Any,
    arguments: Mapping[str, Any],
    last: FinishedRun | None,
) -> list[PlannedStep]:
    """Plans a run on a cluster.

    Args:
        spec: The `PipelineSpec` to submit.
        arguments: Its parameters.
        last: The last successful run; None if there is none.

    Returns:
        All steps, in the order in which they run.
    """
    if last is None:
        return [PlannedStep(step.name, False, _FIRST_RUN, {}) for step in steps_of(spec)]
    old_spec, new_spec = last.pipeline_spec, json_format.MessageToDict(spec)
    old_arguments = {**_defaults(old_spec), **last.parameters}
    changes: dict[str, list[str]] = {}
    planned = []
    for step in steps_of(spec):
        own = _changes(step, arguments, old_arguments)
        if _component(new_spec, step.name) != _component(old_spec, step.name):
            own.insert(0, "Its component changed.")
        inherited = [change for source in _sources(step) for change in changes[source]]
        changes[step.name] = list(dict.fromkeys([*own, *inherited]))
        sentences = [*changes[step.name], *_note(step.name, arguments)]
        planned.append(PlannedStep(step.name, False, " ".join(sentences) or _UNCHANGED, {}))
    return planned


def show_submission_plan(client: kfp.Client, experiment: str, arguments: Mapping[str, Any]) -> None:
    """Prints the plan of a run on a cluster, compared with the experiment's last successful run.

    Raises:
        CaptionflowError: If the server rejects a request.
    """
    # kfp takes seconds to trace the DAG.
    from pipeline.dag import captioning_pipeline

    last = last_run(client, experiment)
    show_plan(plan_submission(captioning_pipeline.pipeline_spec, arguments, last))
    if last:
        typer.echo(f"Compared with {last.name}: {last.address}")


def _note(name: str, arguments: Mapping[str, Any]) -> list[str]:
    if name == "features" and not arguments["store"]:
        return [_NO_STORE]
    return [_NOTES[name]] if name in _NOTES else []


def _changes(step: Step, now: Mapping[str, Any], before: Mapping[str, Any]) -> list[str]:
    names = {source.name for source in step.parameters.values() if isinstance(source, Argument)}
    return [
        setting_change(name, _as_integer(before.get(name)), now[name])
        for name in sorted(names & _DECISIVE)
        if before.get(name) != now[name]
    ]


def _as_integer(value: Any) -> Any:
    # KFP stores parameters as JSON numbers, which come back as floats.
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _sources(step: Step) -> list[str]:
    return sorted({output.step for output in step.artifacts.values()})


def _defaults(spec: Mapping[str, Any]) -> dict[str, Any]:
    parameters = spec.get("root", {}).get("inputDefinitions", {}).get("parameters", {})
    return {name: given.get("defaultValue") for name, given in parameters.items()}


def _component(spec: Mapping[str, Any], name: str) -> Any:
    executor = spec.get("deploymentSpec", {}).get("executors", {}).get(f"exec-{name}", {})
    return executor.get("container", {}).get("command")
