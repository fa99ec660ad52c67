"""Presets: settings for a kind of data, in YAML files that also state costs and scores."""

from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from components.errors import SettingError

#: Names of the presets.
PRESETS = ("sample", "small", "flickr8k")
DEFAULT_PRESET = PRESETS[0]


@cache
def preset_values(preset: str) -> Mapping[str, Any]:
    """Returns the settings of a preset; None marks those that the user has to give.

    Raises:
        SettingError: If there is no such preset.
    """
    if preset not in PRESETS:
        raise SettingError(f"preset must be {_or(PRESETS)}. Received: {preset!r}")
    text = (files(__name__) / f"{preset}.yaml").read_text(encoding="utf-8")
    values: Mapping[str, Any] = yaml.safe_load(text)
    return values


def _or(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} or {names[-1]}"
