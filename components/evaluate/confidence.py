"""Measures on the test split how well a model's confidence identifies good captions."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.captioning.inference.confidence import Confidence
from components.captioning.metrics.selective import at_coverage, confidence_quality
from components.evaluate.calibration import good_cider_d

# Points of the curve in `scores.json`, evenly spaced.
_POINTS = 20


def measure_confidence(
    confidences: Sequence[Confidence],
    cider_d: NDArray[np.float64],
    references: Sequence[Sequence[str]],
) -> dict[str, Any]:
    """Measures the confidence in captions of the test split.

    Args:
        confidences: The confidence in each of N captions.
        cider_d: The CIDEr-D of each caption, float64 [N], times 100.
        references: The normalized references of each photo, at least one.

    Returns:
        JSON-able: `good_cider_d`, the lowest CIDEr-D (times 100) at which a caption counts as good;
        `good`, `likely` and `likely_and_good`, the shares of captions that are good, that are
        called likely, and that are both; `aurc` and `ece`, see `selective.Quality`;
        `cider_d_surest_half`, the mean CIDEr-D of the half with the highest confidence (rounded
        up), and `cider_d_all`; and `curve`, the risk-coverage curve: at each `coverage`, the `risk`
        (share that is not good) and the mean `cider_d` of the captions with the highest confidence.
    """
    probabilities = [each.probability for each in confidences]
    likely = np.array([each.doubt is None for each in confidences])
    bound = good_cider_d(references)
    good = cider_d >= bound
    risks, means = at_coverage(probabilities, ~good), at_coverage(probabilities, cider_d)
    count = len(cider_d)
    sizes = [math.ceil(count * point / _POINTS) for point in range(1, _POINTS + 1)]
    return {
        "good_cider_d": bound,
        "good": float(good.mean()),
        "likely": float(likely.mean()),
        "likely_and_good": float((likely & good).mean()),
        **confidence_quality(probabilities, good)._asdict(),
        "cider_d_surest_half": float(means[math.ceil(count / 2) - 1]),
        "cider_d_all": float(means[-1]),
        "curve": [
            {"coverage": size / count, "risk": risks[size - 1], "cider_d": means[size - 1]}
            for size in dict.fromkeys(sizes)
        ],
    }
