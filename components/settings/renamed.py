"""Former names of settings and values: rejected with a message that has the current name."""

from collections.abc import Mapping
from typing import Any

from components.errors import SettingError

#: The current name of each renamed setting.
RENAMED = {
    "members": "ensemble_size",
    "consensus": "reranking_weight",
    "tolerance": "margin",
}
_RENAMED_VALUES = {"decoder": {"guided": "par_inject", "lstm": "init_inject"}}


def refuse_renamed(values: Mapping[str, Any]) -> None:
    """Checks that no setting or value has a former name.

    Raises:
        SettingError: If one has; the message has its current name.
    """
    for name, value in values.items():
        if name in RENAMED:
            raise SettingError(f"The setting {name} was renamed: use {RENAMED[name]}")
        current = _RENAMED_VALUES.get(name, {}).get(str(value))
        if current:
            raise SettingError(f"{name} {value} was renamed: use {current}")
