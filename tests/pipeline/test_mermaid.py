import re
import subprocess
import sys
from itertools import product
from pathlib import Path
from typing import Any

import yaml
from kfp import dsl

from pipeline.mermaid import flowchart

PROJECT = Path(__file__).parents[2]
README = (PROJECT / "README.md").read_text()

_NAME = r"([\w-]+)"
_NODE = re.compile(rf'{_NAME}\["([^"]+)"\]')
_SUBGRAPH = re.compile(rf'subgraph {_NAME}\["([^"]+)"\]')
_ARTIFACTS = re.compile(rf"{_NAME} -- ([\w, ]+) --> ([\w-]+(?: & [\w-]+)*)")
_DOTTED = re.compile(rf"{_NAME} -\.-> {_NAME}")

_component = dsl.component(base_image="python", install_kfp_package=False)


@_component
def make(data: dsl.Output[dsl.Dataset], model: dsl.Output[dsl.Model]) -> bool:
    return True


@_component
def work(data: dsl.Input[dsl.Dataset], model: dsl.Input[dsl.Model]) -> bool:
    return True


@_component
def finish(model: dsl.Input[dsl.Model]) -> None:
    pass


@dsl.pipeline(name="nested")
def nested() -> None:
    made = make().set_display_name("1 make")
    given = {"data": made.outputs["data"], "model": made.outputs["model"]}
    with dsl.If(made.outputs["Output"] == True, name="wanted"):  # noqa: E712 # as KFP wants it
        worked = work(**given).set_display_name("2 work")
        with dsl.If(worked.outputs["Output"] == True, name="really"):  # noqa: E712 # the same
            finish(model=made.outputs["model"]).set_display_name("3 finish")
    work(**given).after(make()).set_display_name("10 work")


def test_flowchart_of_nested_conditions_and_an_order_without_artifacts() -> None:
    assert flowchart(nested.pipeline_spec).splitlines() == [
        "flowchart TB",
        '  make["1 make"]',
        '  make-2["make-2"]',
        '  work-2["10 work"]',
        "  make-2 -.-> work-2",
        '  subgraph condition-1["if wanted"]',
        '    work["2 work"]',
        '    subgraph condition-2["if really"]',
        '      finish["3 finish"]',
        "    end",
        "    work -.-> finish",
        "  end",
        "  make -- data, model --> work-2 & work",
        "  make -- model --> finish",
    ]


def test_flowchart_in_the_readme_is_the_one_that_the_module_prints() -> None:
    # A process of its own: the order of sets and of protobuf's maps differs there.
    command = [sys.executable, "-m", "pipeline.mermaid"]
    printed = subprocess.run(command, check=True, cwd=PROJECT, capture_output=True, text=True)
    assert re.findall(r"```mermaid\n(.*?)```", README, re.DOTALL) == [printed.stdout]


def test_flowchart_in_the_readme_is_well_formed_and_complete(package: Path) -> None:
    (block,) = re.findall(r"```mermaid\n(.*?)```", README, re.DOTALL)
    header, *lines = block.splitlines()
    assert header == "flowchart TB"
    steps, conditions, open_subgraphs, arrows, dotted = {}, {}, 0, set(), set()
    for line in map(str.strip, lines):
        if line == "end":
            open_subgraphs -= 1
            assert open_subgraphs >= 0
        elif found := _SUBGRAPH.fullmatch(line):
            open_subgraphs += 1
            conditions[found[1]] = found[2]
        elif found := _NODE.fullmatch(line):
            steps[found[1]] = found[2]
        elif found := _ARTIFACTS.fullmatch(line):
            arrows |= set(product([found[1]], found[2].split(", "), found[3].split(" & ")))
        else:
            found = _DOTTED.fullmatch(line)
            assert found, line
            dotted.add(found.groups())
    assert open_subgraphs == 0

    spec = next(yaml.safe_load_all(package.read_text()))
    tasks = _tasks(spec["root"]["dag"], spec)
    expected = {name: task["taskInfo"]["name"] for name, task in tasks.items()}
    assert steps == {n: title for n, title in expected.items() if "triggerPolicy" not in tasks[n]}
    assert conditions == {n: f"if {expected[n]}" for n in expected.keys() - steps.keys()}
    assert len(steps) == 10
    assert len(conditions) == 2
    assert {name for arrow in arrows for name in (arrow[0], arrow[2])} <= steps.keys()
    # Every step takes the artifacts that KFP hands it, as many as the package says.
    inputs = {name: len(tasks[name]["inputs"].get("artifacts", {})) for name in steps}
    assert inputs == {name: sum(arrow[2] == name for arrow in arrows) for name in steps}
    assert ("features", "examples", "train") in arrows
    assert ("ingest", "manifest", "register") in arrows
    assert dotted == {("trigger", "normalize"), ("evaluate", "rescore")}


def _tasks(dag: dict[str, Any], spec: dict[str, Any]) -> dict[str, Any]:
    tasks = dict(dag["tasks"])
    for task in dag["tasks"].values():
        component = spec["components"][task["componentRef"]["name"]]
        if "dag" in component:
            tasks |= _tasks(component["dag"], spec)
    return tasks
