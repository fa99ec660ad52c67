"""The KFP step `register`."""

from typing import Any, NamedTuple

from kfp.dsl import Artifact, Dataset, Input, Model

from components.runtime.step import step
from components.settings.release import RegisterSettings


@step(RegisterSettings)
def register(
    settings: dict[str, Any],
    model: Input[Model],
    scores: Input[Artifact],
    manifest: Input[Dataset],
    training_config: str,
    cause: str,
    reason: str,
    compared_with: str,
) -> NamedTuple("Registered", [("version", str), ("model_uri", str), ("approval", str)]):  # type: ignore[valid-type] # KFP's own form
    """Registers a model that passed the gate as a new version, and promotes or proposes it.

    See `components.register.registration.register_model`.
    """
    from components.runtime.execution import run_step

    with run_step("register", model, scores, manifest) as ready:
        from components.register.registration import register_model
        from components.settings.release import RegisterSettings

        ready()
        return register_model(
            model.path, scores.path, manifest.path,
            training_config=training_config, cause=cause, reason=reason,
            compared_with=compared_with, settings=RegisterSettings.check(settings),
        )  # fmt: skip
