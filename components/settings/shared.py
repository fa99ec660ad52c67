"""Settings that several steps share."""

import shlex
from typing import Annotated, ClassVar, Literal

from pydantic import Field, field_validator

from components.settings.base import SettingsGroup, setting
from components.settings.bounds import MaxWords

Name = Annotated[str, Field(min_length=1)]

#: Backbone and training precision, see `captioning.encoder.precision`.
PrecisionSetting = Literal["auto", "float32", "mixed"]


class SeedSettings(SettingsGroup):
    """The seed of everything random."""

    title: ClassVar[str] = "Computation"

    seed: int = setting(
        17, "Seed of splits, drawn scenes, weights and the order of captions", ge=0, lt=2**31
    )


class PrecisionSettings(SettingsGroup):
    """The arithmetic of encoder and training."""

    title: ClassVar[str] = "Computation"

    precision: PrecisionSetting = setting(
        "auto",
        "Arithmetic of encoder and training. mixed: bfloat16 on a CPU; float16 on a GPU, where the "
        "encoder stays in float32. auto: mixed where the machine has instructions for it, but in "
        "the encoder only for a trained InceptionV3",
    )


class BeamSettings(SettingsGroup):
    """How Beam runs."""

    title: ClassVar[str] = "Computation"

    beam_flags: str = setting(
        "",
        "Flags for Beam's runner, whose workers must see this machine's files; empty: Beam runs "
        "in the step's process",
        decisive=False,
    )

    @field_validator("beam_flags")
    @classmethod
    def _can_be_split(cls, flags: str) -> str:
        try:
            shlex.split(flags)
        except ValueError as error:
            raise ValueError(
                f"beam_flags must be command-line flags: {error}. Received: {flags!r}"
            ) from error
        return flags


class LengthSettings(SettingsGroup):
    """The longest caption."""

    title: ClassVar[str] = "Model and training"

    max_words: MaxWords = setting(
        20, "Words of the longest generated caption; training captions are cut there"
    )


class ExperimentSettings(SettingsGroup):
    """Where MLflow keeps the runs."""

    title: ClassVar[str] = "Release"

    experiment: Name = setting("captionflow", "MLflow experiment of the runs", decisive=False)


class ModelNameSettings(SettingsGroup):
    """The name of the registered model."""

    title: ClassVar[str] = "Release"

    model_name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.\-]*$")] = setting(
        "captionflow-sample", "Name of the model in the MLflow registry", decisive=False
    )
