import numpy as np
import pytest

from components.captioning.inference.feature_distance import FeatureDistance


def test_distance_of_two_independent_features_is_that_of_the_standardized_ones() -> None:
    # Means 1 and 10, standard deviations 1 and 10: standardized, each train photo is (±1, ±1), the
    # covariance is the identity, and with the shrinkage of 0.1 each variance is 1.1.
    train = np.array([[0, 0], [0, 20], [2, 0], [2, 20]], np.float16)
    distance = FeatureDistance(train)
    at_mean, train_photo, far = distance(np.array([[1, 10], [2, 20], [1, 60]], np.float16))
    assert at_mean == 0
    assert train_photo == pytest.approx(np.sqrt(2 / 1.1 / 2))
    assert far == pytest.approx(np.sqrt(5**2 / 1.1 / 2))


def test_distance_is_larger_across_the_directions_in_which_train_photos_lie() -> None:
    # All train photos have two equal features.
    distance = FeatureDistance(np.array([[0, 0], [1, 1], [2, 2]], np.float16))
    along, across = distance(np.array([[4, 4], [2, 0]], np.float16))
    assert across > along


@pytest.mark.parametrize("photos", [1, 3])
def test_distance_of_train_photos_that_are_all_alike_is_finite(photos: int) -> None:
    distance = FeatureDistance(np.zeros((photos, 3), np.float16))
    same, other = distance(np.array([[0, 0, 0], [0, 2, 0]], np.float32))
    assert same == 0
    assert other == pytest.approx(np.sqrt(4 / 3))
