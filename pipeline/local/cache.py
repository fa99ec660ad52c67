"""kfp.local's cache, keyed by code and content.

By default, kfp.local's key for a step consists of its arguments and the paths of its inputs. Such a
key does not notice changed code, or data that changed under the same name, and treats a data set
that moved as new. Here the key consists of everything that a step's result depends on
(`pipeline.plan`), and is passed to kfp as `caching_options.cache_key`; the cache itself is kfp's.
The parts of each step's last key are stored beside it, so that a plan can say what changed.

A step's result is stored as soon as the step has ended and its files are on the disk, so neither a
killed run nor a power cut loses a finished step.
"""

import copy
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import filterfalse
from pathlib import Path
from typing import Any

from kfp.dsl import Artifact
from kfp.local.cache import LocalCache

from components.artifacts.files import read_json, write_json
from components.artifacts.fingerprint import fingerprint_value
from components.storage.durability import sync_tree
from components.storage.filesystem import is_remote
from components.storage.transfer import remove
from pipeline.local.damage import cached_outputs, result_damage
from pipeline.local.steps.lock import StepLock
from pipeline.plan import (
    DEPEND_ON_REGISTRY,
    FORCED,
    PlannedStep,
    dataset_location,
    explain,
    result_inputs,
)
from pipeline.tasks import Step, steps_of

# Folder with the parts of each step's last key.
_LAST = "last"
# Key in an artifact's metadata: the checkpoint that the step would have resumed from.
_CHECKPOINT = "checkpoint"
_REGISTRY = "Never cached: it depends on the registry."


def plan_steps(
    spec: Any,
    arguments: Mapping[str, Any],
    contents: Mapping[str, str],
    cache: Path,
    *,
    reuse: bool = True,
) -> list[PlannedStep]:
    """Sets the cache key of each step of a compiled pipeline, and finds the steps to reuse.

    Args:
        spec: The pipeline's `PipelineSpec`. The keys are written into it, and retries are removed:
            a local step is never preempted, so a failed step would only fail again.
        arguments: The run's parameters.
        contents: Content hashes of the files and experiments that parameters name.
        cache: Folder of kfp.local's cache.
        reuse: Whether earlier results may be reused.

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
        if step.name in DEPEND_ON_REGISTRY:
            planned.append(PlannedStep(step.name, False, _REGISTRY, {}))
            continue
        location = dataset_location(step, arguments, contents)
        key = fingerprint_value([parts[step.name], location])
        own = {**parts[step.name], **({"location": location} if location else {})}
        step.task.caching_options.cache_key = key
        cached, damage, forced = _cached(spec, store, step), "", True
        if not reuse:
            reused, why = False, "The cache is off (--no-cache)."
        elif arguments.get("force") and step.name in FORCED:
            reused, why = False, "Training is forced (--force)."
        else:
            forced = False
            damage = "" if cached is None else result_damage(cached)
            reused = cached is not None and not damage
            if damage:
                why = f"Its earlier result is damaged. {damage}."
            elif reused:
                why = "Nothing changed."
            else:
                changed = explain(own, _last(cache, step.name))
                why = changed or "Its earlier result was deleted."
        planned.append(PlannedStep(step.name, reused, why, own, key, damage, forced))
    return planned


class RunCache(LocalCache):
    """kfp.local's cache for one run.

    kfp looks a step up before it runs it, and stores its outputs when it has ended. A forced step
    is not found; its earlier result is kept until the new one replaces it.

    Runs in the same work folder do the same work once: from the look-up until the result is stored,
    a run holds the lock of that result. Another run that needs it waits, and then reuses it, or
    computes it if the first run failed. A run holds one lock at a time, so runs can't wait for each
    other.

    Args:
        cache: Folder of the cache; created if it does not exist.
        spec: The pipeline's `PipelineSpec`, with the keys of `plan_steps`.
        planned: All steps, from `plan_steps`.
        on_wait: Called with a step's name if another run is at work on its result.

    Attributes:
        outputs: The outputs of each step that ended or was reused in this run, by step.
    """

    def __init__(
        self,
        cache: Path,
        spec: Any,
        planned: list[PlannedStep],
        on_wait: Callable[[str], None] = lambda _: None,
    ) -> None:
        super().__init__(str(cache))
        self.outputs: dict[str, Mapping[str, Any]] = {}
        self._store = LocalCache(str(cache))
        self._step_lock, self._on_wait = StepLock(cache), on_wait
        by_name = {step.name: step for step in planned if step.key}
        self._steps = {
            _entry(self, step): (by_name[step.name], _artifacts(spec, step))
            for step in steps_of(spec)
            if step.name in by_name
        }

    def get(self, key: str) -> dict[str, Any] | None:
        """Returns the cached outputs of a step; None, after locking it, if the step has to run."""
        step, artifacts = self._steps[key]
        self._step_lock.acquire(key, lambda: self._on_wait(step.name))
        if step.forced:
            return None
        outputs: dict[str, Any] | None = cached_outputs(self._store, key, artifacts)
        # The files of a result that the plan reuses were checked for the plan.
        if outputs is None or (not step.reused and result_damage(outputs)):
            return None
        # There is one if the power was cut before its removal was on the disk. A later `--force`
        # would resume it instead of training. A bucket is not asked each time.
        for checkpoint in filterfalse(is_remote, _checkpoints(outputs)):
            remove(checkpoint)
        self.close()
        self.outputs[step.name] = outputs
        return outputs

    def put(self, key: str, outputs: dict[str, Any]) -> None:
        """Stores the outputs of a step that has ended, and the parts of its key."""
        step, _ = self._steps[key]
        self.outputs[step.name] = outputs
        for artifact in outputs.values():
            if isinstance(artifact, Artifact) and Path(artifact.path).exists():
                sync_tree(artifact.path)
        super().put(key, outputs)
        write_json(Path(self.cache_root) / _LAST / f"{step.name}.json", step.parts)
        sync_tree(self._entry_path(key))
        # Needed until now: without it, a run killed before this point would train again.
        for checkpoint in _checkpoints(outputs):
            remove(checkpoint)
        self.close()

    def close(self) -> None:
        """Releases the lock of the step that was looked up last; it may have failed."""
        self._step_lock.release()


@contextmanager
def restored_spec(spec: Any) -> Iterator[Any]:
    """Yields a spec and undoes all changes to it, which a package compiled later must not have."""
    original = copy.deepcopy(spec)
    try:
        yield spec
    finally:
        spec.CopyFrom(original)


def step_outputs(spec: Any, name: str, cache: Path) -> Mapping[str, Any] | None:
    """Returns the cached outputs of a step that was run or reused; None if it has none."""
    step = next(step for step in steps_of(spec) if step.name == name)
    if not step.task.caching_options.enable_cache:
        return None
    store = LocalCache(str(cache))
    return store.get(_entry(store, step))


def _checkpoints(outputs: Mapping[str, Any]) -> Iterator[str]:
    for artifact in outputs.values():
        if isinstance(artifact, Artifact) and (checkpoint := artifact.metadata.get(_CHECKPOINT)):
            yield checkpoint


def _cached(spec: Any, store: LocalCache | None, step: Step) -> Any:
    if store is None:
        return None
    return cached_outputs(store, _entry(store, step), _artifacts(spec, step))


def _artifacts(spec: Any, step: Step) -> list[str]:
    return list(spec.components[step.task.component_ref.name].output_definitions.artifacts)


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
