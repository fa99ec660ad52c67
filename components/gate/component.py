"""The KFP step `gate`."""

from typing import NamedTuple

from kfp.dsl import HTML, Artifact, Input, Model

from components.runtime.step import step


@step
def gate(
    model: Input[Model],
    scores: Input[Artifact],
    report: Input[HTML],
    rival: Input[Artifact],
    recipe: str,
    floors: str,
    tolerance: float,
    model_name: str,
    experiment: str,
) -> NamedTuple("Decision", [("Output", bool), ("reason", str), ("champion", str)]):  # type: ignore[valid-type] # KFP's own form
    """Passes a model that reaches the floors and is better than the champion.

    See `components.gate.verdict.judge`.
    """
    from components.runtime.execution import running

    with running("gate") as ready:
        from components.gate.verdict import judge

        ready()
        decision = judge(
            model.path, scores.path, report.path, rival.path,
            recipe=recipe, floors=floors, tolerance=tolerance,
            model_name=model_name, experiment=experiment,
        )  # fmt: skip
        # A plain tuple: kfp.local can test a condition on an output only if it is named "Output".
        return decision.passed, decision.reason, decision.champion
