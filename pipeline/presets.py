r"""What a run begins with: presets, and what they cost on two cores without a GPU.

| preset     | data                          | time     | test BLEU-4           |
|------------|-------------------------------|----------|-----------------------|
| `sample`   | 480 scenes drawn here         | minutes  | over 60               |
| `flickr8k` | Flickr8k (bring your own)     | an hour  | depends on the encoder|

    python -m pipeline.local
    python -m pipeline.local --preset flickr8k --dataset flickr8k.zip \
        --glove glove.6B.zip#glove.6B.50d.txt
"""

from enum import StrEnum
from typing import Any

from pydantic import ValidationError

from components.errors import SettingError, broken_settings
from pipeline.config import Settings, flag


class Preset(StrEnum):
    """The names of the presets."""

    SAMPLE = "sample"
    FLICKR8K = "flickr8k"


#: What each preset sets otherwise than the defaults; "" stands for what a user has to name.
PRESETS: dict[Preset, dict[str, Any]] = {
    Preset.SAMPLE: {},
    Preset.FLICKR8K: {
        "dataset": "",
        "min_count": 5,
        "glove": "",
        "encoder_weights": "imagenet",
        "ensemble_size": 3,
        "units": 512,
        "embedding_width": 256,
        "epochs": 6,
        "batch_size": 128,
        "weight_decay": 1e-3,
        "patience": 3,
        "beam_width": 50,
        "length_penalty": 0.7,
        "reranking_weight": 80.0,
        "floors": "bleu4=10",
        "model_name": "captionflow-flickr8k",
    },
}


def make_settings(preset: str, given: dict[str, Any]) -> Settings:
    """Returns a preset's settings with those that a user gave instead.

    Args:
        preset: What to begin with.
        given: Settings by name, as values or as text.

    Raises:
        SettingError: If a setting breaks its rule: one line a setting, with the rule and the
            value received.
    """
    if preset not in PRESETS:
        raise SettingError(f"preset must be {' or '.join(PRESETS)}. Received: {preset!r}")
    values = {**PRESETS[Preset(preset)], **given}
    unnamed = [name for name in PRESETS[Preset(preset)] if values[name] == ""]
    if unnamed:
        raise SettingError(
            f"The preset {preset} needs {' and '.join(unnamed)}: give "
            + " ".join(f"{flag(name)} PATH" for name in unnamed)
        )
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        raise broken_settings(error) from error
