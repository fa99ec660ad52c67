"""The KFP step `register`."""

from typing import NamedTuple

from kfp.dsl import Artifact, Dataset, Input, Model

from components.platform.step import step


@step
def register(
    model: Input[Model],
    scores: Input[Artifact],
    manifest: Input[Dataset],
    reason: str,
    model_name: str,
) -> NamedTuple("Registered", [("version", str), ("model_uri", str)]):  # type: ignore[valid-type] # KFP's own form
    """Registers a model that passed the gate, and makes it champion."""
    from components.platform.running import running
    from components.register.registration import register_model

    with running("register"):
        return register_model(
            model.path, scores.path, manifest.path, reason=reason, model_name=model_name
        )
