"""Settings of the steps that decide on a model's release: `rescore`, `gate` and `register`."""

from typing import ClassVar

from components.settings.base import SettingsGroup, setting
from components.settings.shared import ExperimentSettings, ModelNameSettings


class GateSettings(ModelNameSettings, ExperimentSettings):
    """What a model needs to be registered."""

    title: ClassVar[str] = "Release"

    floors: str = setting(
        "bleu4=40",
        "Test scores required to register a model, such as 'bleu4=40 cider_d=50'; empty: none",
        decisive=False,
    )
    margin: float = setting(
        0.5,
        "Non-inferiority margin: BLEU-4 points by which a model trained on more photos may score "
        "below the champion; any other has to be better",
        decisive=False,
        ge=0,
        le=100,
    )


class ForceSettings(SettingsGroup):
    """Training without a reason."""

    title: ClassVar[str] = "Release"

    force: bool = setting(
        False, "Whether to train although the champion has the same data and settings",
        decisive=False,
    )  # fmt: skip
