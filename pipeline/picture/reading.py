"""Reads the graph out of a compiled package."""

import re
from collections.abc import Iterable, Iterator, Mapping
from graphlib import TopologicalSorter
from typing import Any

from pipeline.picture.graph import Graph, Group, Link, Step, within

# How KFP writes the parameters that a condition hangs on.
_PARAMETER = re.compile(r"inputs\.parameter_values\['([^']+)'\]")
# Steps by their keys, each with the name of an output.
_Outputs = set[tuple[str, str]]


def read_graph(spec: Any) -> Graph:
    """Reads the graph.

    Args:
        spec: A `PipelineSpec` of KFP.

    Returns:
        The graph. Artifacts are followed into groups and out of them, to the steps that make and
        read them; parameters only where a condition hangs on one.

    Raises:
        graphlib.CycleError: If steps wait for each other.
    """
    reader = _Reader(spec)
    reader.read("", spec.root.dag, {})
    steps = tuple(reader.steps())
    groups = []
    for key, title in sorted(reader.groups.items()):
        layers = [step.layer for step in steps if within(step.key, key)]
        groups.append(Group(key, title, min(layers), max(layers)))
    links = sorted(reader.links, key=lambda link: (link.source, link.artifact or "", link.target))
    return Graph(spec.pipeline_info.name, steps, tuple(groups), tuple(links))


class _Reader:
    def __init__(self, spec: Any) -> None:
        self.groups: dict[str, str] = {}
        self.links: set[Link] = set()
        self._spec = spec
        self._tasks: dict[str, Any] = {}
        # What comes before what; and where that is all there is to know of the two.
        self._waits: list[tuple[str, str]] = []
        self._orders: list[tuple[str, str]] = []

    def read(self, prefix: str, dag: Any, inputs: Mapping[str, _Outputs]) -> None:
        """Reads a DAG, whose tasks' keys have a prefix; `inputs` tells what its inputs are."""
        for name, task in dag.tasks.items():
            key, title, condition = prefix + name, _title(name, task), task.trigger_policy.condition
            artifacts = self._sources(prefix, dag, task.inputs.artifacts, inputs)
            parameters = self._sources(prefix, dag, task.inputs.parameters, inputs)
            given = _joined(artifacts.values())
            asked = _joined(parameters[asking] for asking in _PARAMETER.findall(condition))
            self.links |= {Link(source, key, None) for source, _ in asked}
            for other in task.dependent_tasks:
                self._waits.append((prefix + other, key))
                if not any(within(source, prefix + other) for source, _ in given | asked):
                    self._orders.append((prefix + other, key))
            component = self._component(task)
            if component.HasField("dag"):
                self.groups[key] = f"if {title}" if condition else title
                self.read(f"{key}/", component.dag, _with_item(task, parameters | artifacts))
            else:
                self._tasks[key] = task
                self.links |= {Link(source, key, artifact) for source, artifact in given}

    def steps(self) -> Iterator[Step]:
        """Yields all steps in running order, and links those that wait for nothing but the end."""
        # The innermost first: what they add counts for the groups around them.
        for before, after in sorted(self._orders, key=lambda order: (-order[0].count("/"), order)):
            # Of a group, the steps that none of the others in it waits for.
            inside = {key for key in self._tasks if within(key, before)}
            needed = {link.source for link in self.links if within(link.target, before)}
            self.links |= {Link(key, after, None) for key in inside - needed}
        titles = {key: _title(key.rpartition("/")[2], task) for key, task in self._tasks.items()}
        sorter = TopologicalSorter[str]()
        for key in titles:
            sorter.add(key)
            for before in (before for before, after in self._waits if within(key, after)):
                sorter.add(key, *(other for other in titles if within(other, before)))
        sorter.prepare()
        layer = 0
        while ready := sorter.get_ready():
            for key in sorted(ready, key=lambda key: (_by_number(titles[key]), key)):
                yield Step(key, titles[key], layer, self._accelerator(self._tasks[key]))
            sorter.done(*ready)
            layer += 1

    def _sources(
        self, prefix: str, dag: Any, sources: Any, inputs: Mapping[str, _Outputs]
    ) -> dict[str, _Outputs]:
        # Who makes each input of a task.
        found: dict[str, _Outputs] = {}
        for name, source in sources.items():
            kind = source.WhichOneof("kind") or ""
            value = getattr(source, kind, None)
            found[name] = set()
            if kind.startswith("component_input"):
                found[name] = inputs.get(str(value), set())
            elif kind.startswith("task_output"):
                found[name] = self._outputs(prefix, dag, value)
        return found

    def _outputs(self, prefix: str, dag: Any, selector: Any) -> _Outputs:
        # A selector's fields: a task, and which of its outputs.
        task, output = (value for _, value in selector.ListFields())
        component = self._component(dag.tasks[task])
        if not component.HasField("dag"):
            return {(prefix + task, output)}
        outputs = component.dag.outputs
        selectors: list[Any] = []
        if output in outputs.artifacts:
            selectors += outputs.artifacts[output].artifact_selectors
        elif output in outputs.parameters:
            parameter = outputs.parameters[output]
            selectors += parameter.value_from_oneof.parameter_selectors
            if parameter.HasField("value_from_parameter"):
                selectors.append(parameter.value_from_parameter)
        return _joined(self._outputs(f"{prefix}{task}/", component.dag, one) for one in selectors)

    def _component(self, task: Any) -> Any:
        return self._spec.components[task.component_ref.name]

    def _accelerator(self, task: Any) -> str:
        # An importer has no container, and a container need not say what it needs.
        found = self._spec.deployment_spec["executors"][self._component(task).executor_label]
        for name in ("container", "resources", "accelerator"):
            if name not in found:
                return ""
            found = found[name]
        return "TPU" if "tpu" in found["type"].lower() else "GPU"


def _with_item(task: Any, inputs: dict[str, _Outputs]) -> dict[str, _Outputs]:
    # Within a loop an item has a name of its own.
    if not (kind := task.WhichOneof("iterator")):
        return inputs
    loop = getattr(task, kind)
    items = getattr(loop.items, "input_artifact", "") or getattr(loop.items, "input_parameter", "")
    return {**inputs, loop.item_input: inputs.get(items, set())}


def _joined(outputs: Iterable[_Outputs]) -> _Outputs:
    return {output for some in outputs for output in some}


def _title(name: str, task: Any) -> str:
    return str(task.task_info.name or name)


def _by_number(title: str) -> list[str | int]:
    # `10 register` comes after `9 gate`.
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", title)]
