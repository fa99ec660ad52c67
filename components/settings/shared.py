"""Settings that several steps share."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator

from components.settings.base import SettingsGroup, setting
from components.settings.beam_flags import URIS, beam_arguments, temp_location
from components.settings.bounds import MaxWords

Name = Annotated[str, Field(min_length=1)]

#: Backbone and training precision, see `captioning.encoder.precision`.
PrecisionSetting = Literal["auto", "float32", "mixed"]


class SeedSettings(SettingsGroup):
    """The random seed."""

    title: ClassVar[str] = "Computation"

    seed: int = setting(
        17,
        "Random seed of splits, generated scenes, weights and the order of captions",
        ge=0,
        lt=2**31,
    )


class PrecisionSettings(SettingsGroup):
    """The floating-point precision of encoder and training."""

    title: ClassVar[str] = "Computation"

    precision: PrecisionSetting = setting(
        "auto",
        "Precision of encoder and training. mixed: bfloat16 on CPUs; float16 on GPUs, where the "
        "encoder uses float32. auto: mixed if the hardware supports it, in the encoder "
        "only for InceptionV3 with trained weights",
    )


class BeamSettings(SettingsGroup):
    """How Beam runs."""

    title: ClassVar[str] = "Computation"

    beam_flags: str = setting(
        "",
        "Flags of Beam's runner, or --engine=flink or --engine=dataflow for most of them; with "
        "--temp_location (gs:// or s3://) its workers share only that folder, without it they must "
        "be able to access this machine's files; empty: Beam runs in the step's process",
        decisive=False,
    )

    @field_validator("beam_flags")
    @classmethod
    def _can_be_split(cls, flags: str) -> str:
        try:
            beam_arguments(flags)
        except ValueError as error:
            raise ValueError(
                f"beam_flags must be command-line flags: {error}. Received: {flags!r}"
            ) from error
        location = temp_location(flags)
        if location and not location.startswith(URIS):
            raise ValueError(
                f"--temp_location in beam_flags must begin with one of {', '.join(URIS)}: it is a "
                f"folder that all of Beam's workers can access. Received: {location!r}"
            )
        return flags


class StoreSettings(BeamSettings):
    """What runs keep for one another."""

    title: ClassVar[str] = "Feature store"

    store: str = setting(
        "features",
        "Feature store: a folder, local, gs:// or s3://, with earlier runs' features and checks of "
        "photos; empty: none",
        decisive=False,
    )

    @model_validator(mode="after")
    def _store_that_workers_share(self) -> Self:
        if temp_location(self.beam_flags) and not self.store.startswith(URIS):
            raise ValueError(
                f"store must begin with one of {', '.join(URIS)} if beam_flags has "
                "--temp_location: Beam's workers put features and checks of photos there, and "
                f"they share no files with this machine. Received: {self.store!r}"
            )
        return self


class LengthSettings(SettingsGroup):
    """The longest caption."""

    title: ClassVar[str] = "Model and training"

    max_words: MaxWords = setting(
        20, "Maximum number of words of a generated caption; training captions are truncated to it"
    )


class StartSettings(SettingsGroup):
    """The model that a training continues from."""

    title: ClassVar[str] = "Model and training"

    start_from: str = setting(
        "",
        "Trained model to continue from on new data: models:/NAME@ALIAS, models:/NAME/VERSION, or "
        "a bundle's folder, local, gs:// or s3://; it must have the same encoder, decoder, "
        "ensemble size and widths; empty: none",
        external=("",),
    )


class ExperimentSettings(SettingsGroup):
    """The MLflow experiment."""

    title: ClassVar[str] = "Release"

    experiment: Name = setting(
        "captionflow", "MLflow experiment in which runs are recorded", decisive=False
    )


class ModelNameSettings(SettingsGroup):
    """The name of the registered model."""

    title: ClassVar[str] = "Release"

    model_name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.\-]*$")] = setting(
        "captionflow-sample", "Name of the model in the MLflow registry", decisive=False
    )
