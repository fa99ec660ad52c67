"""The KFP step `gate`."""

from typing import Any, NamedTuple

from kfp.dsl import HTML, Artifact, Input, Model, Output

from components.runtime.step import step
from components.settings.release import GateSettings


@step(GateSettings)
def gate(
    settings: dict[str, Any],
    model: Input[Model],
    scores: Input[Artifact],
    report: Input[HTML],
    baseline: Input[Artifact],
    training_config: str,
    run_config: str,
    drift: str,
    final_report: Output[HTML],
) -> NamedTuple("Decision", [("Output", bool), ("reason", str), ("champion", str)]):  # type: ignore[valid-type] # KFP's own form
    """Passes a model that reaches the thresholds and is significantly better than the champion.

    `final_report` is the report with this decision. See `components.gate.verdict.judge`.
    """
    from components.runtime.execution import run_step

    with run_step("gate", model, scores, report, baseline) as ready:
        from components.artifacts.checksums import METADATA_KEY
        from components.artifacts.fingerprint import fingerprint_file
        from components.gate.verdict import judge
        from components.settings.release import GateSettings

        ready()
        decision = judge(
            model.path, scores.path, report.path, baseline.path,
            GateSettings.check(settings), training_config=training_config,
            run_config=run_config, drift=drift, final_report=final_report.path,
        )  # fmt: skip
        final_report.metadata[METADATA_KEY] = fingerprint_file(final_report.path)
        # A plain tuple: kfp.local can test a condition on an output only if it is named "Output".
        return decision.passed, decision.reason, decision.champion
