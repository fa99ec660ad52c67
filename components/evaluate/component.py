"""The KFP step `evaluate`."""

from typing import Any

from kfp.dsl import HTML, Artifact, Dataset, Input, Metrics, Model, Output

from components.runtime.step import step
from components.settings.decoding import DecodingSettings


@step(DecodingSettings)
def evaluate(
    settings: dict[str, Any],
    model: Input[Model],
    examples: Input[Dataset],
    manifest: Input[Dataset],
    scored_model: Output[Model],
    scores: Output[Artifact],
    metrics: Output[Metrics],
    report: Output[HTML],
) -> None:
    """Scores the model on the test split, and writes a report.

    `scored_model` is the model with the decoding settings used for scoring. See
    `components.evaluate.run.evaluate_model`.
    """
    import json
    from pathlib import Path

    from components.runtime.execution import run_step

    with run_step("evaluate", model, examples, manifest) as ready:
        from components.artifacts.checksums import METADATA_KEY
        from components.artifacts.fingerprint import fingerprint_file
        from components.artifacts.scores import main_figures, signatures
        from components.evaluate.run import evaluate_model
        from components.settings.decoding import DecodingSettings

        ready()
        measured = evaluate_model(
            model.path, examples.path, manifest.path, DecodingSettings.check(settings),
            scored_model=scored_model.path, scores=scores.path, report=report.path,
        )  # fmt: skip
        for name, value in main_figures(measured).items():
            metrics.log_metric(name, round(value, 2))
        metrics.log_metric("images", measured["images"])
        report.metadata[METADATA_KEY] = fingerprint_file(report.path)
        scores.metadata.update(signatures(measured))
        # kfp.local reuses a step only if each of its artifacts has a file.
        Path(metrics.path).write_text(json.dumps(metrics.metadata))
