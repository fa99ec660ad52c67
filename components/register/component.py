"""The KFP step `register`."""

from typing import NamedTuple

from kfp.dsl import Artifact, Dataset, Input, Model

from components.runtime.step import step


@step
def register(
    model: Input[Model],
    scores: Input[Artifact],
    manifest: Input[Dataset],
    training_config: str,
    cause: str,
    reason: str,
    compared_with: str,
    model_name: str,
) -> NamedTuple("Registered", [("version", str), ("model_uri", str)]):  # type: ignore[valid-type] # KFP's own form
    """Makes a model that passed a new version in the registry, and champion.

    See `components.register.registration.register_model`.
    """
    from components.runtime.execution import run_step

    with run_step("register") as ready:
        from components.register.registration import register_model

        ready()
        return register_model(
            model.path, scores.path, manifest.path,
            training_config=training_config, cause=cause, reason=reason,
            compared_with=compared_with, model_name=model_name,
        )  # fmt: skip
