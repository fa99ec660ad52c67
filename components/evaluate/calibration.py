"""Fits a model's confidence on the dev split: a logistic regression with the signals as inputs."""

import logging
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit

from components.artifacts.examples import Examples
from components.captioning.inference.bundle import Bundle
from components.captioning.inference.confidence import SIGNALS, Calibration
from components.captioning.metrics.coco import human_cider_d, photo_cider_d
from components.errors import DataError

logger = logging.getLogger(__name__)

# A caption is good if its CIDEr-D reaches this quantile of that of human captions.
_HUMAN_QUANTILE = 0.25
# For data with one caption per photo: the value of that quantile on Flickr8k (dev 34.4, test 34.6).
# Fewer than 5 % of the captions of other photos reach half of it there.
_DEFAULT_GOOD = 34.5
# Share of dev photos that count as familiar; all if there are fewer than a hundred.
_FAMILIAR = 0.99
# L2 penalty on the coefficients, relative to the loss of one caption; scikit-learn's default.
_PENALTY = 1.0


def good_cider_d(references: Sequence[Sequence[str]]) -> float:
    """Returns the lowest CIDEr-D, times 100, at which a caption of a split counts as good.

    CIDEr-D depends on the references of the split, so a fixed number would mean something different
    for each data set. The threshold is the lower quartile of human captions: the CIDEr-D of one
    reference of each photo against the others, see `coco.human_cider_d`.

    Args:
        references: The normalized references of each photo.
    """
    human = human_cider_d(references)
    quartile = float(np.quantile(human, _HUMAN_QUANTILE)) if len(human) else 0.0
    # With few photos it may be 0, which every caption reaches.
    return quartile or _DEFAULT_GOOD


def fit_calibration(bundle: Bundle, dev: Iterable[Examples], *, drawn_scenes: bool) -> Calibration:
    """Fits the confidence of a model with its decoding settings.

    1. The dev photos are captioned, and each caption is judged good or not, see `good_cider_d`.
    2. A logistic regression predicts that from the signals, see `fit_logistic`.
    3. The minimum familiarity is set so that nearly all dev photos count as familiar.

    Args:
        bundle: The model.
        dev: The blocks of the dev split; photos without references are left out.
        drawn_scenes: Whether the model was trained on drawn scenes.

    Raises:
        DataError: If no dev photo has references.
    """
    captions: list[str] = []
    references: list[tuple[str, ...]] = []
    blocks = []
    for block in dev:
        rows = [row for row, of_photo in enumerate(block.references) if of_photo]
        if not rows:
            continue
        features = block.features[rows]
        block_captions = bundle.captions(features)
        captions += block_captions
        references += [block.references[row] for row in rows]
        blocks.append(bundle.signals(features, block_captions))
    if not blocks:
        raise DataError("Confidence needs at least one dev photo with references. Received: none")
    bound = good_cider_d(references)
    good = photo_cider_d(captions, references) >= bound
    signals = np.concatenate(blocks)
    means, scales = signals.mean(axis=0), signals.std(axis=0)
    scales = np.where(scales > 1e-9, scales, 1.0)
    intercept, coefficients = fit_logistic((signals - means) / scales, good)
    logger.info(
        "Fitted the confidence on %d dev photos; %d have a good caption (CIDEr-D of at least %.1f)",
        len(good), good.sum(), bound,
    )  # fmt: skip
    familiarities = signals[:, SIGNALS.index("familiarity")]
    return Calibration.model_validate(
        {
            "intercept": intercept,
            **{
                name: {"mean": mean, "scale": scale, "coefficient": coefficient}
                for name, mean, scale, coefficient in zip(
                    SIGNALS, means.tolist(), scales.tolist(), coefficients.tolist(), strict=True
                )
            },
            "min_familiarity": float(np.quantile(familiarities, 1 - _FAMILIAR, method="lower")),
            "good_cider_d": bound,
            "photos": len(good),
            "good": int(good.sum()),
            "drawn_scenes": drawn_scenes,
        }
    )


def fit_logistic(
    inputs: NDArray[np.float64], targets: NDArray[np.bool_]
) -> tuple[float, NDArray[np.float64]]:
    """Fits a logistic regression whose coefficients are not negative.

    A better signal therefore never lowers the confidence, even far from the photos it was fitted
    on. The targets are those of Platt (1999): slightly inside 0 and 1, as if each class had been
    seen once more, which keeps the intercept finite if all captions or none are good.

    Args:
        inputs: float64 [N, S], standardized.
        targets: bool [N].

    Returns:
        The intercept, and the coefficients float64 [S], which an L2 penalty keeps small.
    """
    positive = int(targets.sum())
    negative = len(targets) - positive
    soft = np.where(targets, (positive + 1) / (positive + 2), 1 / (negative + 2))

    def loss(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        logits = weights[0] + inputs @ weights[1:]
        errors = expit(logits) - soft
        penalized = _PENALTY * weights[1:]
        # -t log p - (1 - t) log (1 - p) = log(1 + exp(z)) - t z
        value = np.logaddexp(0, logits).sum() - soft @ logits + weights[1:] @ penalized / 2
        gradient = np.concatenate([[errors.sum()], inputs.T @ errors + penalized])
        return float(value), gradient

    width = inputs.shape[1]
    # A convex function with bounds has one minimum.
    found = minimize(
        loss,
        np.zeros(1 + width),
        jac=True,
        method="L-BFGS-B",
        bounds=[(None, None), *[(0, None)] * width],
        options={"ftol": 1e-12, "gtol": 1e-8, "maxiter": 1000},
    )
    return float(found.x[0]), found.x[1:]
