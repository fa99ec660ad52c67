"""Draws the DAG as a Mermaid flowchart in a Markdown file: `python -m pipeline.mermaid README.md`.

The flowchart is generated from the compiled pipeline and replaces the text between two markers.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from components.artifacts.files import atomic_file
from components.errors import SettingError
from pipeline.tasks import running_order, steps_of

_BEGIN, _END = "<!-- dag -->", "<!-- /dag -->"


def flowchart(spec: Any) -> str:
    """Returns the DAG of a `PipelineSpec` of KFP as a Mermaid flowchart.

    A condition becomes a subgraph. Solid arrows stand for artifacts. A dotted arrow leads to a step
    that waits for another one without reading its artifacts, such as the first step of a condition.
    """
    lines = ["flowchart TB", *_nodes(spec, spec.root.dag, {})]
    arrows: dict[str, list[str]] = {}  # an arrow with its source: the steps it leads to
    for step in steps_of(spec):
        artifacts: dict[str, list[str]] = {}
        for output in step.artifacts.values():
            artifacts.setdefault(output.step, []).append(output.name)
        for producer, names in sorted(artifacts.items()):
            arrow = f"{producer} -- {', '.join(sorted(names))} -->"
            arrows.setdefault(arrow, []).append(step.name)
        for source in sorted({*step.task.dependent_tasks} - artifacts.keys()):
            arrows.setdefault(f"{source} -.->", []).append(step.name)
    lines += [f"  {arrow} {' & '.join(targets)}" for arrow, targets in arrows.items()]
    return "\n".join(lines)


def _nodes(spec: Any, dag: Any, outer: Mapping[str, str], indent: str = "  ") -> Iterator[str]:
    # `outer` maps the DAG's own input parameters to the steps that produce them.
    for name in running_order(dag.tasks):
        task = dag.tasks[name]
        component, title = spec.components[task.component_ref.name], task.task_info.name
        if not component.HasField("dag"):
            yield f'{indent}{name}["{title}"]'
            continue
        inner = component.dag.tasks
        steps = {
            parameter: source.task_output_parameter.producer_task
            or outer.get(source.component_input_parameter, "")
            for parameter, source in sorted(task.inputs.parameters.items())
        }
        yield f'{indent}subgraph {name}["if {title}"]'
        yield from _nodes(spec, component.dag, steps, f"{indent}  ")
        yield f"{indent}end"
        first = " & ".join(sorted(key for key in inner if not inner[key].dependent_tasks))
        for parameter, step in steps.items():
            if step and f"['{parameter}']" in task.trigger_policy.condition:
                yield f"{indent}{step} -.-> {first}"


def with_flowchart(text: str, spec: Any) -> str:
    """Returns a Markdown text with the flowchart between its two markers.

    Raises:
        SettingError: If the text does not contain both markers, once each.
    """
    block = f"{_BEGIN}\n```mermaid\n{flowchart(spec)}\n```\n{_END}"
    text, found = re.subn(f"{_BEGIN}.*?{_END}", lambda _: block, text, flags=re.DOTALL)
    if found != 1:
        raise SettingError(f"the file must contain {_BEGIN} and {_END} once, in this order")
    return text


def main(
    file: Annotated[Path, typer.Argument(help="Markdown file with the two markers.")],
) -> None:
    """Draw the DAG in a Markdown file, replacing the previous drawing."""
    from pipeline.dag import captioning_pipeline

    try:
        text = with_flowchart(file.read_text(), captioning_pipeline.pipeline_spec)
        with atomic_file(file) as draft:
            draft.write_text(text)
    except (OSError, SettingError) as error:
        typer.echo(f"captionflow: {file}: {error}", err=True)
        raise typer.Exit(SettingError.exit_code) from None


if __name__ == "__main__":
    typer.run(main)
