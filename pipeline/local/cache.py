"""kfp.local's cache, with honest keys.

By itself kfp.local keys a step on its arguments and on the places of its inputs. That misses
changed data under an old name and changed code, and takes a moved data set for a new one. Here a
step's key is made of all that decides its result (`pipeline.plan`). kfp offers a place for such a
key (`caching_options.cache_key`), so the cache itself is kfp's; beside it we keep what decided
each step's last result, so that a plan can say what changed.
"""

import copy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from kfp.local.cache import LocalCache

from components.artifacts.files import read_json, write_json
from components.artifacts.fingerprint import fingerprint_value
from pipeline.plan import (
    ASK_THE_REGISTRY,
    FORCED,
    PlannedStep,
    explain,
    located,
    result_inputs,
)
from pipeline.tasks import Step, steps_of

# What decided the last result of each step.
_LAST = "last"


def plan_steps(
    spec: Any,
    arguments: Mapping[str, Any],
    contents: Mapping[str, str],
    cache: Path,
    *,
    reuse: bool = True,
) -> list[PlannedStep]:
    """Gives each step of a compiled pipeline its key, and sees which were run before.

    Args:
        spec: The pipeline's `PipelineSpec`; the keys are written into it, and what only a cluster
            needs is taken out: here nothing is preempted, so a failed step is not tried again.
        arguments: The run's parameters.
        contents: For parameters that name something outside: a fingerprint of what is there.
        cache: Folder of kfp.local's cache.
        reuse: Whether what was run before counts.

    Returns:
        All steps, in the order in which they run.
    """
    store = LocalCache(str(cache)) if cache.exists() else None
    steps = steps_of(spec)
    parts = result_inputs(steps, arguments, contents)
    planned = []
    for step in steps:
        step.task.ClearField("retry_policy")
        step.task.caching_options.enable_cache = step.name in parts
        if step.name in ASK_THE_REGISTRY:
            planned.append(PlannedStep(step.name, False, "asks the registry", {}))
            continue
        place = located(step, arguments, contents)
        key = fingerprint_value([parts[step.name], place])
        noted = {**parts[step.name], **({"place": place} if place else {})}
        step.task.caching_options.cache_key = key
        there = store is not None and store.get(_entry(store, step)) is not None
        if not reuse:
            reused, why = False, "the cache is not used"
        elif arguments.get("force") and step.name in FORCED:
            reused, why = False, "forced"
        elif there:
            reused, why = True, "nothing changed"
        else:
            changed = explain(noted, _last(cache, step.name))
            reused, why = False, changed or "its earlier result is gone"
        if not reused:
            # What lies under the key stays there until there is a new result.
            step.task.caching_options.cache_key = f"{key} {uuid4().hex}"
        planned.append(PlannedStep(step.name, reused, why, noted, key))
    return planned


def remember(spec: Any, planned: list[PlannedStep], cache: Path) -> None:
    """Puts new results under their keys, and notes what decided them, for the next plan."""
    store = LocalCache(str(cache))
    keys = {step.name: step for step in planned if step.parts}
    for step in steps_of(spec):
        if step.name not in keys or store.get(_entry(store, step)) is None:
            continue
        made = cache / f"{_entry(store, step)}.json"
        step.task.caching_options.cache_key = keys[step.name].key
        made.replace(cache / f"{_entry(store, step)}.json")
        write_json(cache / _LAST / f"{step.name}.json", keys[step.name].parts)


@contextmanager
def restored_spec(spec: Any) -> Iterator[Any]:
    """Yields a spec, and takes all changes back: a package compiled later must not have them."""
    kept = copy.deepcopy(spec)
    try:
        yield spec
    finally:
        spec.CopyFrom(kept)


def step_outputs(spec: Any, name: str, cache: Path) -> Mapping[str, Any] | None:
    """Returns the outputs of a step, run or reused; None if there are none in the cache."""
    step = next(step for step in steps_of(spec) if step.name == name)
    if not step.task.caching_options.enable_cache:
        return None
    store = LocalCache(str(cache))
    return store.get(_entry(store, step))


def _last(cache: Path, name: str) -> Mapping[str, str] | None:
    path = cache / _LAST / f"{name}.json"
    parts: Mapping[str, str] | None = read_json(path) if path.exists() else None
    return parts


def _entry(store: LocalCache, step: Step) -> str:
    return store.compute_key(
        component_name=step.task.component_ref.name,
        image="",
        full_command=[],
        arguments={},
        custom_cache_key=step.task.caching_options.cache_key,
    )
