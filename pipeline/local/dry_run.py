"""`captionflow run --plan`: predicts what a run would do, without running anything."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from components.artifacts.dataset_summary import summarize_manifest
from components.registry.client import store_exists
from components.registry.models import find_champion
from components.settings.run import RunSettings
from components.trigger.decision import Reason, compare, predict_reason
from components.trigger.drift import find_drift
from components.trigger.training_config import TrainingConfig, make_training_config
from pipeline.local.cache import plan_steps, step_outputs
from pipeline.plan import PlannedStep

_IF_PASSED = "Runs if the model passes the gate."
_MAY_STOP = "Compares data and settings with the champion's, and may end the run."


def dry_run(
    spec: Any,
    arguments: Mapping[str, Any],
    contents: Mapping[str, str],
    cache: Path,
    *,
    reuse: bool,
) -> list[PlannedStep]:
    """Plans a local run, and predicts the decision of `trigger` if the data are known.

    Args:
        spec: The pipeline's `PipelineSpec`.
        arguments: The run's parameters.
        contents: Content hashes of the files and experiments that the parameters name.
        cache: Folder of kfp.local's cache.
        reuse: Whether earlier results may be reused.

    Returns:
        All steps, in the order in which they run. If there is no reason to train, the steps after
        `trigger` are not needed.

    Raises:
        CaptionflowError: If MLflow can't be used.
    """
    planned = plan_steps(spec, arguments, contents, cache, reuse=reuse)
    known = {step.name: step for step in planned}
    if not known["ingest"].reused:
        return _with_reason(_with_conditions(planned), "trigger", _MAY_STOP)
    manifest = (step_outputs(spec, "ingest", cache) or {})["manifest"]
    settings = RunSettings.check({name: arguments[name] for name in RunSettings.model_fields})
    training_config = make_training_config(summarize_manifest(manifest.path), settings)
    reason = _predict(training_config, settings)
    planned = _with_reason(planned, "trigger", reason.text)
    if reason.train:
        return _with_reason(planned, "register", _IF_PASSED)
    first = _first_after_trigger(planned)
    return planned[:first] + [replace(step, why="") for step in planned[first:]]


def _predict(training_config: TrainingConfig, settings: RunSettings) -> Reason:
    if not store_exists():
        # Looking up a champion would create the store.
        return compare(training_config, None, force=settings.force)
    champion = find_champion(settings.model_name)
    return predict_reason(training_config, champion, settings, find_drift(champion, settings))


def _with_conditions(planned: list[PlannedStep]) -> list[PlannedStep]:
    first = _first_after_trigger(planned)
    rest = [
        replace(step, why=f"Only if there is a reason to train. {step.why}")
        for step in planned[first:]
    ]
    return _with_reason(planned[:first] + rest, "register", _IF_PASSED)


def _first_after_trigger(planned: list[PlannedStep]) -> int:
    return [step.name for step in planned].index("trigger") + 1


def _with_reason(planned: list[PlannedStep], name: str, why: str) -> list[PlannedStep]:
    return [replace(step, why=why) if step.name == name else step for step in planned]
