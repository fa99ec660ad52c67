"""Lists the steps of a compiled pipeline in running order, including those in conditions."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from typing import Any


@dataclass(frozen=True)
class Argument:
    """A parameter of the pipeline."""

    name: str


@dataclass(frozen=True)
class Output:
    """An output parameter or artifact of another step."""

    step: str
    name: str


@dataclass(frozen=True)
class Step:
    """A step of the DAG.

    Attributes:
        name: Its name, as in `components`.
        task: Its `PipelineTaskSpec`, which may be modified.
        parameters: The source of each input parameter; constants are left out.
        artifacts: The source of each input artifact.
    """

    name: str
    task: Any
    parameters: Mapping[str, Argument | Output]
    artifacts: Mapping[str, Output]


@dataclass(frozen=True)
class _Scope:
    # Maps the inputs of a condition to their sources outside of it; empty for the pipeline itself.
    parameters: Mapping[str, Argument | Output] = field(default_factory=dict)
    artifacts: Mapping[str, Output] = field(default_factory=dict)


def steps_of(spec: Any) -> list[Step]:
    """Lists all steps of a pipeline, including those in conditions.

    Args:
        spec: A `PipelineSpec` of KFP.

    Returns:
        The steps, each after those that its inputs come from; their tasks are parts of `spec`.
    """
    return list(_steps(spec, spec.root.dag, _Scope()))


def _steps(spec: Any, dag: Any, scope: _Scope) -> Iterator[Step]:
    for name in running_order(dag.tasks):
        task = dag.tasks[name]
        inputs = _inputs(task, scope)
        component = spec.components[task.component_ref.name]
        if component.HasField("dag"):
            yield from _steps(spec, component.dag, inputs)
        else:
            yield Step(name, task, inputs.parameters, inputs.artifacts)


def running_order(tasks: Any) -> Iterator[str]:
    """Yields the names of a DAG's tasks, each after those that it depends on.

    Args:
        tasks: The `tasks` of a `DagSpec`, by name.
    """
    sorter = TopologicalSorter({name: tasks[name].dependent_tasks for name in tasks})
    sorter.prepare()
    while sorter.is_active():
        # A protobuf map is unordered; display names are numbered.
        ready = sorted(sorter.get_ready(), key=lambda name: str(tasks[name].task_info.name))
        yield from ready
        sorter.done(*ready)


def _inputs(task: Any, scope: _Scope) -> _Scope:
    parameters: dict[str, Argument | Output] = {}
    for name, source in task.inputs.parameters.items():
        match source.WhichOneof("kind"):
            case "component_input_parameter":
                outer = source.component_input_parameter
                parameters[name] = scope.parameters.get(outer) or Argument(outer)
            case "task_output_parameter":
                output = source.task_output_parameter
                parameters[name] = Output(output.producer_task, output.output_parameter_key)
    artifacts = {}
    for name, source in task.inputs.artifacts.items():
        if source.HasField("component_input_artifact"):
            artifacts[name] = scope.artifacts[source.component_input_artifact]
        else:
            output = source.task_output_artifact
            artifacts[name] = Output(output.producer_task, output.output_artifact_key)
    return _Scope(parameters, artifacts)
