"""The distance of a photo's features from those of the train photos."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

# Photos used to estimate the covariance; more would cost time and change little.
_MAX_PHOTOS = 20_000
# Lower bound of a feature's standard deviation, as a share of the median one, so that features that
# were constant in train do not dominate.
_MIN_SCALE = 0.1
# Share of the mean variance that is added in each direction. Directions in which the train photos
# hardly differ reveal other photos best, but their variance is the least certain.
_SHRINKAGE = 0.1


class FeatureDistance:
    """The Mahalanobis distance from the train photos (Lee et al., 2018, arXiv:1807.03888).

    Features are standardized; the covariance is shrunk towards a multiple of the identity. The
    squared distance is divided by the number of features.

    Args:
        features: float [N, D], the train photos' features; at least one photo.
    """

    def __init__(self, features: NDArray[Any]) -> None:
        photos, width = features.shape
        chosen = np.linspace(0, photos - 1, min(photos, _MAX_PHOTOS)).astype(int)
        sample = features[chosen].astype(np.float32)
        self._mean = sample.mean(axis=0, dtype=np.float64)
        deviations = sample.std(axis=0, dtype=np.float64)
        floored = np.maximum(deviations, _MIN_SCALE * np.median(deviations))
        self._scale = np.where(floored > 0, floored, 1.0)
        standardized = ((sample - self._mean) / self._scale).astype(np.float32)
        covariance = standardized.T @ standardized / len(sample)  # [D, D]
        # If all photos are alike, the variance is 0, and the distance becomes Euclidean.
        ridge = _SHRINKAGE * float(np.trace(covariance)) / width or 1.0
        covariance[np.diag_indices(width)] += ridge
        self._factor = linalg.cholesky(covariance, lower=True, overwrite_a=True)

    def __call__(self, features: NDArray[Any]) -> NDArray[np.float64]:
        """Returns the distance of each photo, float64 [N], for features float [N, D]."""
        standardized = (features.astype(np.float64) - self._mean) / self._scale
        whitened = linalg.solve_triangular(self._factor, standardized.T, lower=True)  # [D, N]
        distances: NDArray[np.float64] = np.sqrt(np.mean(whitened.astype(np.float64) ** 2, axis=0))
        return distances
