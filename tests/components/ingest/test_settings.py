from typing import Any

import pytest

from components.errors import SettingError
from components.ingest.settings import check_settings

_SOUND = {
    "scenes": 1,
    "dev_share": 0.1,
    "test_share": 0.1,
    "max_quarantined": 0.0,
    "max_missing": 0.0,
}


def test_check_settings_sound() -> None:
    check_settings(**_SOUND)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"scenes": 0}, "scenes must be at least 1. Received: 0"),
        ({"dev_share": 0.0}, "dev_share must be between 0 and 1. Received: 0.0"),
        ({"test_share": 1.5}, "test_share must be between 0 and 1. Received: 1.5"),
        ({"dev_share": 0.5, "test_share": 0.5}, "must be below 1. Received: 0.5 + 0.5"),
        ({"max_quarantined": -0.1}, "max_quarantined must be a share from 0 to 1. Received: -0.1"),
        ({"max_missing": 1.1}, "max_missing must be a share from 0 to 1. Received: 1.1"),
        ({"max_quarantined": float("nan")}, "max_quarantined must be a share from 0 to 1"),
    ],
)
def test_check_settings_broken(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingError) as caught:
        check_settings(**{**_SOUND, **changed})
    assert message in str(caught.value)
