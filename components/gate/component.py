"""The KFP step `gate`."""

from typing import NamedTuple

from kfp.dsl import HTML, Artifact, Input, Model

from components.runtime.step import step


@step
def gate(
    model: Input[Model],
    scores: Input[Artifact],
    report: Input[HTML],
    baseline: Input[Artifact],
    training_config: str,
    floors: str,
    margin: float,
    model_name: str,
    experiment: str,
) -> NamedTuple("Decision", [("Output", bool), ("reason", str), ("champion", str)]):  # type: ignore[valid-type] # KFP's own form
    """Passes a model that reaches the floors and is better than the champion.

    See `components.gate.verdict.judge`.
    """
    from components.runtime.execution import run_step

    with run_step("gate") as ready:
        from components.gate.verdict import judge

        ready()
        decision = judge(
            model.path, scores.path, report.path, baseline.path,
            training_config=training_config, floors=floors, margin=margin,
            model_name=model_name, experiment=experiment,
        )  # fmt: skip
        # A plain tuple: kfp.local can test a condition on an output only if it is named "Output".
        return decision.passed, decision.reason, decision.champion
