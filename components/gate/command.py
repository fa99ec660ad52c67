"""The command that repeats a run, for its report."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from components.settings.data import SAMPLE
from components.settings.presets import DEFAULT_PRESET, PRESETS, preset_values
from components.settings.run import RunSettings

# Settings that `captionflow run` chooses for users' own data if neither a flag nor the preset sets
# them; if the encoder's weights are set, it does not choose the encoder either.
_CHOSEN = ("encoder", "encoder_weights", "glove", "model_name")


# A local run keeps these below its work folder, and records their absolute paths.
_IN_WORK_FOLDER = ("checkpoints", "store")


def command_of(settings: RunSettings) -> str:
    """Returns the shortest command that runs with the same settings.

    It names a preset, and only the settings that differ from it. It leaves the work folder to the
    user.

    Args:
        settings: All settings of a run.
    """
    settings = _anywhere(settings)
    commands = (_arguments(settings, preset) for preset in PRESETS)
    return shlex.join(["captionflow", "run", *min(commands, key=len)])


def _arguments(settings: RunSettings, preset: str) -> Sequence[str]:
    values = preset_values(preset)
    own = settings.dataset != SAMPLE
    chosen = [name for name in _CHOSEN if values.get(name) is None] if own else []
    if "encoder_weights" in values:
        chosen = [name for name in chosen if name != "encoder"]
    # Without a preset, one is chosen for users' own data.
    named = ["--preset", preset] if own or preset != DEFAULT_PRESET else []
    return [*named, *settings.to_flags(values, always=chosen)]


def _anywhere(settings: RunSettings) -> RunSettings:
    """Returns settings with the default of each folder that is in the work folder."""
    root = Path(settings.checkpoints).parent
    defaults = {name: RunSettings.model_fields[name].default for name in _IN_WORK_FOLDER}
    inside = {
        name: default
        for name, default in defaults.items()
        if root.is_absolute() and Path(getattr(settings, name)) == root / default
    }
    return settings.model_copy(update=inside)
