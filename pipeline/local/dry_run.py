"""`--plan`: what a run would do, told before anything runs."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from components.registry.client import store_exists
from components.registry.models import find_champion
from components.settings.run import RunSettings
from components.trigger.decision import compare, find_rejection
from components.trigger.training_config import make_training_config
from pipeline.local.cache import plan_steps, step_outputs
from pipeline.plan import PlannedStep

_IF_PASSED = "if the gate lets the model pass"


def dry_run(
    spec: Any,
    arguments: Mapping[str, Any],
    contents: Mapping[str, str],
    cache: Path,
    *,
    reuse: bool,
) -> list[PlannedStep]:
    """Plans a local run, with what `trigger` is going to say where that is known already.

    Args:
        spec: The pipeline's `PipelineSpec`.
        arguments: The run's parameters.
        contents: For parameters that name something outside: a fingerprint of what is there.
        cache: Folder of kfp.local's cache.
        reuse: Whether what was run before counts.

    Returns:
        All steps, in the order in which they run. If the data did not change and the champion was
        made of the same, those behind `trigger` are not needed.

    Raises:
        CaptionflowError: If MLflow can't be used.
    """
    planned = plan_steps(spec, arguments, contents, cache, reuse=reuse)
    known = {step.name: step for step in planned}
    if not known["ingest"].reused:
        told = "compares with the champion once the data are known: may end the run here"
        return _told(_with_conditions(planned), "trigger", told)
    manifest = (step_outputs(spec, "ingest", cache) or {})["manifest"]
    settings = RunSettings.check({name: arguments[name] for name in RunSettings.model_fields})
    training_config = make_training_config(manifest.path, settings)
    # A look-up would create the store.
    champion = find_champion(settings.model_name) if store_exists() else None
    rejected = find_rejection(training_config, champion, settings)
    reason = compare(training_config, champion, force=settings.force, rejected=rejected)
    planned = _told(planned, "trigger", reason.text)
    if reason.train:
        return _told(planned, "register", _IF_PASSED)
    behind = _behind_trigger(planned)
    return planned[:behind] + [replace(step, why="") for step in planned[behind:]]


def _with_conditions(planned: list[PlannedStep]) -> list[PlannedStep]:
    behind = _behind_trigger(planned)
    rest = [
        replace(step, why=f"if there is a reason to train: {step.why}") for step in planned[behind:]
    ]
    return _told(planned[:behind] + rest, "register", _IF_PASSED)


def _behind_trigger(planned: list[PlannedStep]) -> int:
    return [step.name for step in planned].index("trigger") + 1


def _told(planned: list[PlannedStep], name: str, why: str) -> list[PlannedStep]:
    return [replace(step, why=why) if step.name == name else step for step in planned]
