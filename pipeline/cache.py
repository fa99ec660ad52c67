"""Which steps of a local run can be reused: kfp.local's cache, with honest keys.

By itself kfp.local keys a step on its arguments and on the places of its inputs. That misses
changed data under an old name and changed code, and takes a moved data set for a new one. Here
each step's key is made of what decides its result:

1. the version of its code (`pipeline.code_version`);
2. its parameters, where a path counts by what lies there;
3. the keys of the steps that its inputs come from.

kfp offers a place for such a key (`caching_options.cache_key`), so the cache itself is kfp's.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

from google.protobuf import json_format
from kfp.local.cache import LocalCache

from components.platform.fingerprint import fingerprint_value
from pipeline.code_version import code_version

# Parameters that say where something is kept or run, not what comes out.
_NOT_DECISIVE = frozenset({"checkpoints", "beam_flags"})


@dataclass(frozen=True)
class CachedStep:
    """A step of the DAG that may be reused.

    Attributes:
        name: The step's name.
        reused: Whether it was run before with the same key, and its artifacts are still there.
    """

    name: str
    reused: bool


def key_steps(
    spec: Any,
    arguments: Mapping[str, Any],
    contents: Mapping[str, str],
    cache: Path,
    *,
    reuse: bool = True,
) -> list[CachedStep]:
    """Gives each step of a compiled pipeline its key, and sees which were run before.

    Args:
        spec: The pipeline's `PipelineSpec`; the keys are written into it.
        arguments: The run's parameters.
        contents: For parameters that name something outside: a fingerprint of what is there.
        cache: Folder of kfp.local's cache.
        reuse: Whether what was run before counts; if not, it is forgotten.

    Returns:
        The steps that may be reused, in the order in which they run.
    """
    store = LocalCache(str(cache))
    tasks = spec.root.dag.tasks
    results: dict[str, str] = {}  # step -> fingerprint of all that decides its result
    steps = []
    for name in _order(tasks):
        task = tasks[name]
        if not task.caching_options.enable_cache:
            continue
        inputs, located = _inputs(task, arguments, contents, results)
        results[name] = fingerprint_value({"code": code_version(name), "inputs": inputs})
        # A manifest names photos where they lie: the same data elsewhere is a new manifest, of
        # the same content for all that follows.
        task.caching_options.cache_key = fingerprint_value([results[name], located])
        if not reuse:
            (cache / f"{_entry(store, task)}.json").unlink(missing_ok=True)
        steps.append(CachedStep(name, store.get(_entry(store, task)) is not None))
    return steps


def step_outputs(spec: Any, name: str, cache: Path) -> Mapping[str, Any]:
    """Returns the outputs of a step of a finished run, reused or not.

    Raises:
        LookupError: If the step did not finish.
    """
    store = LocalCache(str(cache))
    outputs = store.get(_entry(store, spec.root.dag.tasks[name]))
    if outputs is None:
        raise LookupError(f"The step {name} has no outputs in {cache}")
    return outputs


def _order(tasks: Any) -> Iterator[str]:
    sorter = TopologicalSorter({name: tasks[name].dependent_tasks for name in tasks})
    sorter.prepare()
    while sorter.is_active():
        # A protobuf map has no order of its own; the names that are shown are numbered.
        ready = sorted(sorter.get_ready(), key=lambda name: str(tasks[name].task_info.name))
        yield from ready
        sorter.done(*ready)


def _inputs(
    task: Any,
    arguments: Mapping[str, Any],
    contents: Mapping[str, str],
    results: Mapping[str, str],
) -> tuple[dict[str, Any], list[str]]:
    # What decides the result, and the places that the result will name.
    decisive: dict[str, Any] = {}
    located = []
    for name, source in task.inputs.parameters.items():
        if name in _NOT_DECISIVE:
            continue
        if source.HasField("component_input_parameter"):
            parameter = source.component_input_parameter
            decisive[name] = contents.get(parameter, arguments[parameter])
            if parameter == "dataset" and parameter in contents:
                located.append(str(Path(arguments[parameter]).absolute()))
        else:
            decisive[name] = json_format.MessageToDict(source)
    for name, source in task.inputs.artifacts.items():
        output = source.task_output_artifact
        decisive[name] = [results[output.producer_task], output.output_artifact_key]
    return decisive, located


def _entry(store: LocalCache, task: Any) -> str:
    return store.compute_key(
        component_name=task.component_ref.name,
        image="",
        full_command=[],
        arguments={},
        custom_cache_key=task.caching_options.cache_key,
    )
