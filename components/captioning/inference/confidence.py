"""Confidence: the probability that a caption is good, and whether the model should abstain.

`evaluate` fits a logistic regression on the dev split, and writes it to `confidence.json`, beside
the decoding settings for which it is valid.
"""

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from scipy.special import expit

from components.artifacts.files import write_json

CONFIDENCE_FILE = "confidence.json"

#: The signals, in the order of their columns; for each, higher is better.
SIGNALS = ("log_probability", "ensemble_agreement", "reranking_score", "familiarity")
#: From this confidence on, a caption is likely good: it is good more often than not.
LIKELY = 0.5

_Finite = Annotated[float, Field(ge=-1e9, le=1e9)]


class Doubt(StrEnum):
    """Why a model is not sure of a caption, for people."""

    DRAWN_SCENES = "The model was trained on drawn scenes only, and this photo is not one."
    UNFAMILIAR = "The photo is unlike all photos that the model was trained on."
    REPETITION = "The caption repeats itself."
    IMPROBABLE = "It is more likely wrong than right."


class Confidence(NamedTuple):
    """How sure a model is of its own caption.

    Attributes:
        probability: Probability that the caption is good, 0 to 1; calibrated for photos like the
            training photos.
        doubt: Why the model is not sure of the caption; None if the caption is likely good.
    """

    probability: float
    doubt: Doubt | None

    @property
    def certainty(self) -> str:
        """How sure the model is, in words."""
        return "not sure" if self.doubt else "likely"


class Signal(BaseModel):
    """The standardization and the coefficient of a signal.

    Attributes:
        mean: The signal's mean on dev.
        scale: Its standard deviation on dev; 1 if it is constant.
        coefficient: Coefficient of the standardized signal; never negative.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    mean: _Finite
    scale: Annotated[float, Field(gt=0, le=1e9)]
    coefficient: Annotated[float, Field(ge=0, le=1e9)]


class Calibration(BaseModel):
    """A fitted confidence: the content of `confidence.json`, validated against these bounds.

    Attributes:
        intercept: Intercept of the logistic regression.
        log_probability: See `signals.caption_log_probabilities`.
        ensemble_agreement: The same.
        reranking_score: See `reranking.Reranker.score`.
        familiarity: The negative of `feature_distance.FeatureDistance`.
        min_familiarity: A photo of lower familiarity is unlike the train photos.
        good_cider_d: CIDEr-D, times 100, from which on a dev caption counted as good.
        photos: Number of dev photos.
        good: Number of dev photos whose caption was good.
        drawn_scenes: Whether the model was trained on the drawn scenes of `sample`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    intercept: _Finite
    log_probability: Signal
    ensemble_agreement: Signal
    reranking_score: Signal
    familiarity: Signal
    min_familiarity: _Finite
    good_cider_d: Annotated[float, Field(ge=0, le=1000)]
    photos: Annotated[int, Field(ge=1)]
    good: Annotated[int, Field(ge=0)]
    drawn_scenes: bool

    @classmethod
    def load(cls, bundle: Path) -> "Calibration":
        """Reads a bundle's `confidence.json`.

        Raises:
            OSError: If it is missing.
            pydantic.ValidationError: If it is invalid.
        """
        return cls.model_validate_json((bundle / CONFIDENCE_FILE).read_bytes())

    def save(self, bundle: Path) -> None:
        """Writes `confidence.json` into a bundle."""
        write_json(bundle / CONFIDENCE_FILE, self.model_dump())

    def probabilities(self, signals: NDArray[np.float64]) -> NDArray[np.float64]:
        """Returns the probability that each caption is good, float64 [N].

        Args:
            signals: float64 [N, S], with the columns `SIGNALS`.
        """
        parts = [getattr(self, name) for name in SIGNALS]
        means, scales, coefficients = (
            np.array([getattr(part, field) for part in parts])
            for field in ("mean", "scale", "coefficient")
        )
        logits = self.intercept + (signals - means) / scales @ coefficients
        probabilities: NDArray[np.float64] = expit(logits)
        return probabilities

    def assess(self, signals: NDArray[np.float64], repeated: Sequence[bool]) -> list[Confidence]:
        """Returns the confidence in each of N captions.

        Args:
            signals: float64 [N, S], with the columns `SIGNALS`.
            repeated: Whether each caption repeats itself.
        """
        familiarities = signals[:, SIGNALS.index("familiarity")]
        return [
            Confidence(
                probability,
                self._doubt(probability, familiarity, repeats_itself=repeats_itself),
            )
            for probability, familiarity, repeats_itself in zip(
                self.probabilities(signals).tolist(), familiarities, repeated, strict=True
            )
        ]

    def _doubt(
        self, probability: float, familiarity: float, *, repeats_itself: bool
    ) -> Doubt | None:
        if familiarity < self.min_familiarity:
            return Doubt.DRAWN_SCENES if self.drawn_scenes else Doubt.UNFAMILIAR
        if repeats_itself:
            return Doubt.REPETITION
        return Doubt.IMPROBABLE if probability < LIKELY else None
