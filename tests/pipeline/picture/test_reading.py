from pathlib import Path

import pytest
from kfp import compiler, components, dsl
from kfp.dsl import Artifact, Dataset, Input, Model, Output

from pipeline.picture.graph import Graph, Group, Link, Step
from pipeline.picture.reading import read_graph

_component = dsl.component(base_image="python", install_kfp_package=False)


@_component
def make(data: Output[Dataset]) -> bool:
    return True


@_component
def work(data: Input[Dataset], model: Output[Model]) -> None:
    pass


@_component
def use(model: Input[Artifact]) -> str:
    return ""


@_component
def tell(text: str) -> None:
    pass


@_component
def choose() -> list[str]:
    return []


def _read(pipeline: object, folder: Path) -> Graph:
    # As the picture does: from the file that is compiled.
    compiler.Compiler().compile(pipeline, str(folder / "package.yaml"))
    return read_graph(
        components.load_component_from_file(str(folder / "package.yaml")).pipeline_spec
    )


def test_read_graph_follows_artifacts_into_nested_conditions(tmp_path: Path) -> None:
    @dsl.pipeline(name="nested")
    def nested() -> None:
        made = make().set_display_name("1 make")
        with dsl.If(made.outputs["Output"] == True, name="wanted"):  # noqa: E712 # as KFP wants it
            worked = work(data=made.outputs["data"]).set_display_name("2 work")
            with dsl.If(made.outputs["Output"] == True, name="really"):  # noqa: E712 # the same
                use(model=worked.outputs["model"]).set_display_name("3 use")

    graph = _read(nested, tmp_path)
    assert graph.name == "nested"
    assert graph.steps == (
        Step("make", "1 make", 0),
        Step("condition-1/work", "2 work", 1),
        Step("condition-1/condition-2/use", "3 use", 2),
    )
    assert graph.groups == (
        Group("condition-1", "if wanted", 1, 2),
        Group("condition-1/condition-2", "if really", 2, 2),
    )
    assert graph.links == (
        Link("condition-1/work", "condition-1/condition-2/use", "model"),
        Link("make", "condition-1", None),
        Link("make", "condition-1/condition-2", None),
        Link("make", "condition-1/work", "data"),
    )


def test_read_graph_follows_artifacts_out_of_branches_and_pipelines(tmp_path: Path) -> None:
    @dsl.pipeline(name="inner")
    def inner(data: Input[Dataset]) -> Model:
        return work(data=data).outputs["model"]

    @dsl.pipeline(name="branches")
    def branches() -> None:
        made = make()
        with dsl.If(made.outputs["Output"] == True, name="big"):  # noqa: E712 # as KFP wants it
            big = work(data=made.outputs["data"])
        with dsl.Else(name="small"):
            small = inner(data=made.outputs["data"])
        use(model=dsl.OneOf(big.outputs["model"], small.output))

    graph = _read(branches, tmp_path)
    into_use = {link.source for link in graph.links if link.target == "use"}
    assert into_use == {
        "condition-branches-1/condition-2/work",
        "condition-branches-1/condition-3/inner/work",
    }
    assert {link.artifact for link in graph.links if link.target == "use"} == {"model"}
    titles = [group.title for group in graph.groups]
    assert titles == ["condition-branches-1", "if big", "if small", "inner"]
    assert [step.layer for step in graph.steps] == [0, 1, 1, 2]


def test_read_graph_follows_items_into_a_loop(tmp_path: Path) -> None:
    @dsl.pipeline(name="loop")
    def loop() -> None:
        listed = choose()
        with dsl.ParallelFor(listed.output, name="each") as text, dsl.If(text == "a", name="an a"):
            tell(text="it is")

    graph = _read(loop, tmp_path)
    assert [group.title for group in graph.groups] == ["each", "if an a"]
    assert Link("choose", "for-loop-1/condition-2", None) in graph.links


def test_read_graph_lets_all_steps_of_a_group_wait_for_what_it_waits_for(tmp_path: Path) -> None:
    @dsl.pipeline(name="waiting")
    def waiting() -> None:
        worked = work(data=make().outputs["data"])
        with dsl.ParallelFor(["a", "b"], name="each") as text:
            tell(text=text)
            use(model=worked.outputs["model"])

    graph = _read(waiting, tmp_path)
    assert {step.title: step.layer for step in graph.steps} == {
        "make": 0, "work": 1, "tell": 2, "use": 2
    }  # fmt: skip
    # The artifact shows it already: no line for the order alone.
    assert {link.artifact for link in graph.links} == {"data", "model"}


def test_read_graph_keeps_an_order_that_no_artifact_shows(tmp_path: Path) -> None:
    @dsl.pipeline(name="order")
    def order() -> None:
        last = tell(text="bye").set_display_name("9 last")
        with dsl.ExitHandler(last, name="all"):
            used = use(model=work(data=make().outputs["data"]).outputs["model"])
            tell(text=used.output).set_display_name("4 tell")

    graph = _read(order, tmp_path)
    control = {(link.source, link.target) for link in graph.links if link.artifact is None}
    # Of the group, only its last step leads on.
    assert control == {
        ("exit-handler-1/use", "exit-handler-1/tell-2"),
        ("exit-handler-1/tell-2", "tell"),
    }
    assert graph.steps[-1].title == "9 last"


def test_read_graph_counts_titles_by_their_numbers(tmp_path: Path) -> None:
    @dsl.pipeline(name="numbers")
    def numbers() -> None:
        for number in (10, 9, 2):
            tell(text="").set_display_name(f"{number} tell")

    titles = [step.title for step in _read(numbers, tmp_path).steps]
    assert titles == ["2 tell", "9 tell", "10 tell"]


@pytest.mark.parametrize(
    ("kind", "badge"), [("nvidia.com/gpu", "GPU"), ("tpu-v5-lite-podslice", "TPU"), (None, "")]
)
def test_read_graph_knows_steps_with_an_accelerator(
    tmp_path: Path, kind: str | None, badge: str
) -> None:
    @dsl.pipeline(name="accelerated")
    def accelerated() -> None:
        told = tell(text="").set_cpu_limit("1")
        if kind:
            told.set_accelerator_type(kind).set_accelerator_limit(1)

    assert [step.accelerator for step in _read(accelerated, tmp_path).steps] == [badge]
