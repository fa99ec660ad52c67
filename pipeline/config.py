"""The settings of a run: from a preset, a YAML file and the command line, in this order."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import field_validator

from components.errors import SettingError
from components.gate.thresholds import read_thresholds
from components.settings.base import flag
from components.settings.presets import DEFAULT_PRESET, preset_values
from components.settings.run import RunSettings

# The preset `small` suits fewer images, `flickr8k` more.
_FEW_IMAGES = 2000


class Settings(RunSettings):
    """Every setting of a run, with further checks by the code of the steps."""

    @field_validator("floors")
    @classmethod
    def _names_scores(cls, floors: str) -> str:
        try:
            read_thresholds(floors)
        except SettingError as error:
            raise ValueError(str(error)) from error
        return floors


def make_settings(
    preset: str = DEFAULT_PRESET,
    given: Mapping[str, Any] | None = None,
    *,
    config: Path | None = None,
) -> Settings:
    """Returns the settings of a run.

    Args:
        preset: The preset to start from.
        given: Settings by name, as values or text; they override all others.
        config: A YAML file of settings, such as an earlier run's `run.yaml`; it overrides the
            preset.

    Raises:
        SettingError: If a setting is invalid, or one that the preset requires is missing.
    """
    from_file = read_config(config) if config else {}
    values = {**preset_values(preset), **from_file, **(given or {})}
    if missing := [name for name, value in values.items() if value is None]:
        raise SettingError(
            f"The preset {preset} needs {' and '.join(missing)}: give "
            + " ".join(f"{flag(name)} {_metavar(name)}" for name in missing)
        )
    return Settings.check(values)


def preset_for(images: int | None) -> str:
    """Returns the preset for a user's own data; None: the number of images is unknown."""
    return "small" if images is not None and images < _FEW_IMAGES else "flickr8k"


def _metavar(name: str) -> str:
    return "NAME" if name.endswith("_name") else "PATH"


def read_config(file: Path) -> dict[str, Any]:
    """Reads a YAML file of settings.

    Raises:
        SettingError: If the file can't be read, or is not a mapping of settings.
    """
    try:
        values = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise SettingError(f"config must be a readable YAML file: {reason}") from error
    if not isinstance(values, dict) or not all(isinstance(name, str) for name in values):
        raise SettingError(
            f"config must be a YAML mapping of settings, such as 'epochs: 20'. Received: {file}"
        )
    return values
