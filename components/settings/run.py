"""All settings of a run."""

from typing import Self

from pydantic import model_validator

from components.settings.data import (
    NO_GLOVE,
    DataSettings,
    EmbeddingSettings,
    VocabularySettings,
)
from components.settings.decoding import DecodingSettings
from components.settings.encoder import EncoderSettings
from components.settings.release import DriftSettings, ForceSettings, RegisterSettings
from components.settings.train import TrainSettings


class ModelSettings(
    VocabularySettings, EmbeddingSettings, EncoderSettings, TrainSettings, DecodingSettings
):
    """The settings that determine the model, given the data."""

    @model_validator(mode="after")
    def _trains_random_embeddings(self) -> Self:
        if self.glove == NO_GLOVE and not self.train_embeddings:
            raise ValueError(
                "train_embeddings must be on if glove is none: embeddings that start at random "
                "mean nothing until they are trained. Received: --no-train-embeddings"
            )
        return self


class RunSettings(DataSettings, ModelSettings, RegisterSettings, DriftSettings, ForceSettings):
    """All settings of a run; the defaults are those of the preset `sample`."""
