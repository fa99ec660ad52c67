"""The KFP step `register`."""

from typing import Any, NamedTuple

from kfp.dsl import HTML, Artifact, Dataset, Input, Model, Output

from components.runtime.step import step
from components.settings.release import RegisterSettings


@step(RegisterSettings)
def register(
    settings: dict[str, Any],
    model: Input[Model],
    scores: Input[Artifact],
    manifest: Input[Dataset],
    report: Input[HTML],
    released_report: Output[HTML],
    training_config: str,
    cause: str,
    reason: str,
    compared_with: str,
) -> NamedTuple("Registered", [("version", str), ("model_uri", str), ("approval", str)]):  # type: ignore[valid-type] # KFP's own form
    """Registers a model that passed the gate as a new version, and promotes or proposes it.

    `released_report` is the report with the version. See
    `components.register.registration.register_model`.
    """
    from components.register.captioning_process import fresh_process
    from components.runtime.execution import run_step

    # The new process imports TensorFlow while this one imports MLflow and logs the model. If the
    # version exists already, it was not needed.
    with (
        run_step("register", model, scores, manifest, report) as ready,
        fresh_process() as process,
    ):
        from components.artifacts.checksums import METADATA_KEY
        from components.artifacts.fingerprint import fingerprint_file
        from components.register.registration import register_model
        from components.register.report import complete_report
        from components.settings.release import RegisterSettings

        ready()
        registered = register_model(
            model.path, scores.path, manifest.path,
            training_config=training_config, cause=cause, reason=reason,
            compared_with=compared_with, settings=RegisterSettings.check(settings),
            process=process,
        )  # fmt: skip
        complete_report(model.path, report.path, registered, released_report.path)
        released_report.metadata[METADATA_KEY] = fingerprint_file(released_report.path)
        return registered
