from typing import Any

import pytest

from components.settings.run import RunSettings
from pipeline.local.advice import advice

_ENOUGH = {"train": 6000, "dev": 1000, "test": 1000}
_REAL = RunSettings(dataset="photos", encoder_weights="imagenet", epochs=4)


def _training(best: int, epochs: int) -> dict[str, Any]:
    return {"best_epoch": best, "history": [{}] * epochs}


def test_advice_for_a_large_run_that_converged_is_empty() -> None:
    assert list(advice(_REAL, _training(3, 4), _ENOUGH)) == []


def test_advice_names_random_weights_first() -> None:
    settings = _REAL.model_copy(update={"encoder_weights": "random"})
    first, second = advice(settings, _training(4, 4), _ENOUGH)
    assert "--encoder-weights imagenet" in first
    assert "--epochs 8" in second


@pytest.mark.parametrize(
    ("splits", "number"),
    [
        ({**_ENOUGH, "train": 999}, "999 is a small training set"),
        ({**_ENOUGH, "dev": 99}, "only 99"),
        ({**_ENOUGH, "test": 199}, "199"),
    ],
)
def test_advice_names_a_split_that_is_small(splits: dict[str, int], number: str) -> None:
    (only,) = advice(_REAL, _training(3, 4), splits)
    assert number in only


def test_advice_for_drawn_scenes_asks_for_no_photos() -> None:
    (only,) = advice(RunSettings(epochs=3), _training(3, 3), {**_ENOUGH, "train": 300})
    assert "--epochs 6" in only
    for split in ("dev", "test"):
        (only,) = advice(RunSettings(), _training(2, 3), {**_ENOUGH, split: 5})
        assert "--scenes" in only and f" {split}" in only


def test_advice_with_few_photos_names_start_from_unless_the_run_used_it() -> None:
    few = {**_ENOUGH, "train": 37}
    (only,) = advice(_REAL, _training(3, 4), few)
    assert "--start-from" in only
    continued = _REAL.model_copy(update={"start_from": "models:/photos@champion"})
    (only,) = advice(continued, _training(3, 4), few)
    assert "--start-from" not in only
