"""Settings of a model's release: of the steps `trigger`, `rescore`, `gate` and `register`."""

from typing import ClassVar, Literal

from components.settings.base import SettingsGroup, setting
from components.settings.shared import ExperimentSettings, ModelNameSettings

#: The highest sum of BLEU-4 and CIDEr-D, times 100.
MAX_MARGIN = 1100.0


class GateSettings(ModelNameSettings, ExperimentSettings):
    """The thresholds and the margin that a model must reach to be registered."""

    title: ClassVar[str] = "Release"

    floors: str = setting(
        "bleu4=40 cider_d=150",
        "Minimum test scores to register a model, such as 'bleu4=40 cider_d=50'; empty: none. "
        "Scores of its confidence: surest_half_cider_d, selective_accuracy, calibration. meteor "
        "and spice are measured only on English captions, and where evaluate has Java",
        decisive=False,
    )
    margin: float = setting(
        2.0,
        "Non-inferiority margin: points of BLEU-4 + CIDEr-D by which a model trained on more "
        "photos may score below the champion; any other model must be better",
        decisive=False,
        ge=0,
        le=MAX_MARGIN,
    )


class RegisterSettings(GateSettings):
    """What happens to a model that passed the gate."""

    title: ClassVar[str] = "Release"

    release: Literal["auto", "approve"] = setting(
        "auto",
        "What happens to a model that passed the gate. auto: it becomes the champion; approve: it "
        "waits until a person decides with `captionflow models approve` or `reject`",
        decisive=False,
    )


class DriftSettings(SettingsGroup):
    """The test whether requested photos have drifted from the training photos."""

    title: ClassVar[str] = "Drift"

    requests: str = setting(
        "",
        "Folder, local, gs:// or s3://, in which `captionflow caption` or `serve` keeps the "
        "features of requests (--keep-features); trigger tests whether they have drifted from the "
        "champion's training photos. Empty: no test",
        decisive=False,
    )
    min_requests: int = setting(
        100, "Minimum number of distinct photos in requests for a drift test",
        decisive=False, ge=2, le=1_000_000,
    )  # fmt: skip
    drift_level: float = setting(
        0.01,
        "Significance level of the drift test: requests have drifted if its p-value is lower",
        decisive=False,
        ge=0.001,
        lt=1,
    )


class ForceSettings(SettingsGroup):
    """Training without changes."""

    title: ClassVar[str] = "Release"

    force: bool = setting(
        False, "Train even if the champion has the same data, code and settings",
        decisive=False,
    )  # fmt: skip
