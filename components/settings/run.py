"""All settings of a run."""

from components.settings.data import DataSettings, EmbeddingSettings, VocabularySettings
from components.settings.decoding import DecodingSettings
from components.settings.encoder import EncoderSettings
from components.settings.release import DriftSettings, ForceSettings, RegisterSettings
from components.settings.train import TrainSettings


class ModelSettings(
    VocabularySettings, EmbeddingSettings, EncoderSettings, TrainSettings, DecodingSettings
):
    """The settings that determine the model, given the data."""


class RunSettings(DataSettings, ModelSettings, RegisterSettings, DriftSettings, ForceSettings):
    """All settings of a run; the defaults are those of the preset `sample`."""
