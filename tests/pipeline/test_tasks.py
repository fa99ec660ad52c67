from kfp import dsl

from pipeline.tasks import Argument, Output, steps_of


@dsl.component(base_image="python:3.11")
def make(size: int, thing: dsl.Output[dsl.Dataset]) -> None:
    pass


@dsl.component(base_image="python:3.11")
def ask(thing: dsl.Input[dsl.Dataset]) -> bool:
    return True


@dsl.component(base_image="python:3.11")
def use(thing: dsl.Input[dsl.Dataset], size: int, fixed: int, asked: bool) -> None:
    pass


@dsl.pipeline
def nested(size: int = 1) -> None:
    made = make(size=size).set_display_name("1 make")
    asked = ask(thing=made.outputs["thing"]).set_display_name("2 ask")
    with dsl.If(asked.output == True):  # noqa: E712 # KFP makes a condition of it
        again = ask(thing=made.outputs["thing"]).set_display_name("3 ask again")
        with dsl.If(again.output == True):  # noqa: E712
            use(thing=made.outputs["thing"], size=size, fixed=3, asked=asked.output)


def test_steps_of_lists_steps_in_conditions_in_running_order() -> None:
    assert [step.name for step in steps_of(nested.pipeline_spec)] == [
        "make", "ask", "ask-2", "use",
    ]  # fmt: skip


def test_steps_of_finds_where_inputs_come_from_through_two_conditions() -> None:
    step = steps_of(nested.pipeline_spec)[-1]
    assert step.artifacts == {"thing": Output("make", "thing")}
    assert step.parameters == {"size": Argument("size"), "asked": Output("ask", "Output")}


def test_steps_of_hands_out_tasks_of_the_spec_itself() -> None:
    spec = nested.pipeline_spec
    steps_of(spec)[-1].task.caching_options.cache_key = "key"
    inner = spec.components["comp-condition-2"].dag.tasks["use"]
    assert inner.caching_options.cache_key == "key"
