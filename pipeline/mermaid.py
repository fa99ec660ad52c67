"""Draws the DAG as a Mermaid flowchart; `python -m pipeline.mermaid` prints that of the README."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import typer

from pipeline.tasks import running_order, steps_of


def flowchart(spec: Any) -> str:
    """Returns the DAG of a `PipelineSpec` of KFP as a Mermaid flowchart.

    A condition becomes a subgraph. Solid arrows stand for artifacts. A dotted arrow leads to a step
    that waits for another one in the same subgraph without reading its artifacts, or to the first
    step of a condition that does.
    """
    return "\n".join(["flowchart TB", *_tasks(spec, spec.root.dag), *_artifacts(spec)])


def _tasks(spec: Any, dag: Any, indent: str = "  ") -> Iterator[str]:
    for name in running_order(dag.tasks):
        task = dag.tasks[name]
        component, title = spec.components[task.component_ref.name], task.task_info.name
        first = name
        if component.HasField("dag"):
            first = next(running_order(component.dag.tasks))
            yield f'{indent}subgraph {name}["if {title}"]'
            yield from _tasks(spec, component.dag, f"{indent}  ")
            yield f"{indent}end"
        else:
            yield f'{indent}{name}["{title}"]'
        read = {each.task_output_artifact.producer_task for each in task.inputs.artifacts.values()}
        for source in sorted({*task.dependent_tasks} - read):
            yield f"{indent}{source} -.-> {first}"


def _artifacts(spec: Any) -> Iterator[str]:
    arrows = defaultdict(list)  # an arrow with its source: the steps it leads to
    for step in steps_of(spec):
        artifacts = defaultdict(list)
        for output in step.artifacts.values():
            artifacts[output.step].append(output.name)
        for producer, names in sorted(artifacts.items()):
            arrows[f"{producer} -- {', '.join(sorted(names))} -->"].append(step.name)
    for arrow, targets in arrows.items():
        yield f"  {arrow} {' & '.join(targets)}"


if __name__ == "__main__":
    from pipeline.dag import captioning_pipeline

    typer.echo(flowchart(captioning_pipeline.pipeline_spec))
