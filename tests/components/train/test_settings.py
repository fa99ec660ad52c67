from collections.abc import Callable
from typing import Any

import pytest

from components.errors import SettingError
from components.train.settings import TrainSettings, check_settings


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"schedule": "linear"}, "schedule must be 'cosine' or 'constant'. Received: 'linear'"),
        ({"precision": "half"}, "precision must be 'auto', 'float32' or 'mixed'"),
        ({"epochs": 0}, "epochs must be greater than or equal to 1. Received: 0"),
        ({"dropout": float("nan")}, "dropout must be a finite number. Received: nan"),
    ],
)
def test_check_settings_of_a_broken_rule_names_it(
    make_settings: Callable[..., TrainSettings], change: dict[str, Any], told: str
) -> None:
    with pytest.raises(SettingError) as raised:
        check_settings(**{**make_settings().to_dict(), **change})
    assert told in str(raised.value)


def test_check_settings_of_good_values_keeps_them(
    make_settings: Callable[..., TrainSettings],
) -> None:
    assert check_settings(**make_settings(epochs=7).to_dict()) == make_settings(epochs=7)
