import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from components.captioning.inference.confidence import (
    CONFIDENCE_FILE,
    SIGNALS,
    Calibration,
    Doubt,
)


@pytest.fixture
def fitted(calibration: Calibration) -> Calibration:
    """Only the log-probability counts: at -1 the confidence is 0.5."""
    content = calibration.model_dump() | {
        "intercept": 0.0,
        "log_probability": {"mean": -1.0, "scale": 0.5, "coefficient": 2.0},
        "min_familiarity": -3.0,
    }
    return Calibration.model_validate(content)


def _signals(**values: list[float]) -> np.ndarray:
    count = len(next(iter(values.values())))
    return np.array([values.get(name, [0.0] * count) for name in SIGNALS]).T


def test_probabilities_are_those_of_the_logistic_function(fitted: Calibration) -> None:
    probabilities = fitted.probabilities(_signals(log_probability=[-1.0, -0.5, -1.5]))
    # Half a nat is one standard deviation: a logit of 2.
    assert probabilities == pytest.approx([0.5, 1 / (1 + np.exp(-2)), 1 / (1 + np.exp(2))])


def test_assess_is_sure_of_what_is_more_probably_good_than_not(fitted: Calibration) -> None:
    likely, improbable = fitted.assess(_signals(log_probability=[-0.9, -1.1]), [False, False])
    assert (likely.doubt, likely.certainty) == (None, "likely")
    assert (improbable.doubt, improbable.certainty) == (Doubt.IMPROBABLE, "not sure")


def test_assess_doubts_repetitions_and_unfamiliar_photos(fitted: Calibration) -> None:
    signals = _signals(log_probability=[0.0, 0.0, 0.0], familiarity=[-3.0, -3.1, -3.1])
    repeated, unfamiliar, both = fitted.assess(signals, [True, False, True])
    assert repeated.doubt == Doubt.REPETITION
    assert unfamiliar.doubt == both.doubt == Doubt.UNFAMILIAR
    # The doubt is told besides the number.
    assert repeated.probability == unfamiliar.probability > 0.9


def test_assess_says_that_a_photo_is_no_drawn_scene(fitted: Calibration) -> None:
    drawn = fitted.model_copy(update={"drawn_scenes": True})
    scene, photo = drawn.assess(_signals(familiarity=[-2.0, -50.0]), [False, False])
    assert (scene.doubt, photo.doubt) == (None, Doubt.DRAWN_SCENES)


def test_calibration_saved_and_loaded_is_the_same(fitted: Calibration, tmp_path: Path) -> None:
    fitted.save(tmp_path)
    assert Calibration.load(tmp_path) == fitted


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"intercept": float("nan")}, "intercept"),
        ({"intercept": "1"}, "intercept"),
        ({"min_familiarity": float("-inf")}, "min_familiarity"),
        ({"familiarity": {"mean": 0.0, "scale": 0.0, "coefficient": 0.0}}, "familiarity.scale"),
        ({"familiarity": {"mean": 0.0, "scale": 1.0, "coefficient": -1.0}}, "coefficient"),
        ({"familiarity": {"mean": 0.0, "scale": 1.0}}, "coefficient"),
        ({"good_cider_d": 1001.0}, "good_cider_d"),
        ({"photos": 0}, "photos"),
        ({"drawn_scenes": "yes"}, "drawn_scenes"),
        ({"other": 1}, "other"),
    ],
)
def test_calibration_out_of_bounds_is_refused(
    fitted: Calibration, tmp_path: Path, change: dict[str, Any], expected: str
) -> None:
    (tmp_path / CONFIDENCE_FILE).write_text(json.dumps(fitted.model_dump() | change))
    with pytest.raises(ValidationError, match=expected):
        Calibration.load(tmp_path)
