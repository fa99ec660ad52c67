from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from components.artifacts.examples import read_examples
from components.captioning.decoding.search import DecodingConfig
from components.captioning.inference.bundle import Bundle
from components.captioning.inference.confidence import Doubt
from components.captioning.metrics.coco import human_cider_d
from components.evaluate.calibration import fit_calibration, fit_logistic, good_cider_d


def test_fit_logistic_equals_scikit_learn_where_no_bound_is_reached() -> None:
    random = np.random.default_rng(0)
    inputs = random.normal(size=(200, 2))
    targets = inputs @ [1.5, 0.5] + random.logistic(size=200) > 0.3
    positive = int(targets.sum())
    soft = np.where(targets, (positive + 1) / (positive + 2), 1 / (202 - positive))
    # Each item twice, as positive and as negative, weighted by its soft target.
    reference = LogisticRegression(C=1.0, tol=1e-10).fit(
        np.tile(inputs, (2, 1)),
        np.repeat([1, 0], 200),
        sample_weight=np.concatenate([soft, 1 - soft]),
    )
    intercept, coefficients = fit_logistic(inputs, targets)
    assert intercept == pytest.approx(reference.intercept_[0], abs=1e-4)
    assert coefficients == pytest.approx(reference.coef_[0], abs=1e-4)


def test_fit_logistic_never_makes_a_better_signal_lower_the_confidence() -> None:
    inputs = np.array([[-1.0, 1.0], [-1.0, 0.5], [1.0, -0.5], [1.0, -1.0]])
    _, coefficients = fit_logistic(inputs, np.array([False, False, True, True]))
    assert coefficients[0] > 0
    assert coefficients[1] == 0


@pytest.mark.parametrize(("good", "expected"), [(True, 4 / 5), (False, 1 / 5)])
def test_fit_logistic_on_one_class_is_finite(good: bool, expected: float) -> None:
    # Platt's targets: (3 + 1) / (3 + 2) if all are good, 1 / (3 + 2) if none is.
    intercept, coefficients = fit_logistic(np.zeros((3, 1)), np.full(3, good))
    assert 1 / (1 + np.exp(-intercept)) == pytest.approx(expected, abs=1e-4)
    assert coefficients == pytest.approx([0])


def test_good_cider_d_is_the_lower_quartile_of_people() -> None:
    references = [
        ("a dog runs", "a dog runs", "a cat"),
        ("two men", "two men talk", "two men"),
        ("a red car",),
    ]
    human = human_cider_d(references)
    # Of the third photo there is nothing to compare with.
    assert len(human) == 2
    assert good_cider_d(references) == pytest.approx(human.min() + 0.25 * np.ptp(human))


@pytest.mark.parametrize(
    "references",
    [[("a dog",), ("a cat",)], [("a dog", "a dog")]],  # of a single photo, all scores are 0
)
def test_good_cider_d_of_data_that_gives_none_is_that_of_flickr8k(
    references: list[tuple[str, ...]],
) -> None:
    assert good_cider_d(references) == 34.5


def test_fit_calibration_abstains_from_repetitions_and_far_photos(
    write_model: Callable[..., Path], write_examples: Callable[..., Path]
) -> None:
    # This model says "dog dog dog" of any photo.
    bundle = Bundle.load(write_model(), DecodingConfig(2, 1.0, max_words=3))
    directory = write_examples({"1.png": ["dog dog dog", "dog"], "2.png": ["a dog"]})
    dev = read_examples(directory, "dev")
    bundle.calibration = fit_calibration(bundle, [dev], drawn_scenes=False)
    assert bundle.calibration.photos == len(dev.image_ids)
    near, far = bundle.confidences(
        np.stack([dev.features[0], np.full_like(dev.features[0], 1000)]), ["dog dog dog"] * 2
    )
    assert (near.doubt, far.doubt) == (Doubt.REPETITION, Doubt.UNFAMILIAR)
