"""Settings of a model's release: of the steps `trigger`, `rescore`, `gate` and `register`."""

from typing import ClassVar

from components.settings.base import SettingsGroup, setting
from components.settings.shared import ExperimentSettings, ModelNameSettings


class GateSettings(ModelNameSettings, ExperimentSettings):
    """The thresholds and the margin that a model must reach to be registered."""

    title: ClassVar[str] = "Release"

    floors: str = setting(
        "bleu4=40",
        "Minimum test scores to register a model, such as 'bleu4=40 cider_d=50'; empty: none. Of "
        "its confidence: surest_half_cider_d, selective_accuracy, calibration",
        decisive=False,
    )
    margin: float = setting(
        0.5,
        "Non-inferiority margin: BLEU-4 points by which a model trained on more photos may score "
        "below the champion; any other model must be better",
        decisive=False,
        ge=0,
        le=100,
    )


class ForceSettings(SettingsGroup):
    """Training without changes."""

    title: ClassVar[str] = "Release"

    force: bool = setting(
        False, "Train even if the champion has the same data, code and settings",
        decisive=False,
    )  # fmt: skip
