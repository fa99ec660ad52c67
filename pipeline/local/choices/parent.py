"""Settings that follow from the model that a run continues from."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.artifacts.files import read_json
from components.errors import DataError, SettingError
from components.settings.base import flag
from components.settings.encoder import WEIGHTS
from pipeline.local.environment import set_environment

# Files of a bundle. The modules that define their names import TensorFlow, which takes seconds.
_NETWORK_FILE, _ENCODER_FILE = "network.json", "encoder.json"
_SHAPES = ("decoder", "ensemble_size", "units", "embedding_width")


@dataclass(frozen=True, slots=True)
class ParentSettings:
    """What a run takes from the model that it continues from.

    Attributes:
        source: `models:/NAME/VERSION`, or the folder as the user gave it.
        values: Settings by name. Weights of the encoder that came from a file are left out, since
            their path may be another one here.
    """

    source: str
    values: Mapping[str, Any]


def parent_settings(start_from: str, root: Path, fixed: Mapping[str, Any]) -> ParentSettings:
    """Reads the settings that a parent determines: encoder, decoder, ensemble size and widths.

    Args:
        start_from: The setting of this name.
        root: The work folder, whose MLflow store may have the parent.
        fixed: Settings that the user has set.

    Raises:
        DataError: If there is no such model, or its files are damaged.
        SettingError: If a setting that the user has set differs from the parent's.
        CaptionflowError: If MLflow or an object store can't be used.
    """
    set_environment(root)
    # MLflow takes seconds to import.
    from components.registry.parents import open_parent

    with open_parent(start_from) as parent:
        source = parent.source
        try:
            network = read_json(parent.bundle / _NETWORK_FILE)
            encoder = read_json(parent.bundle / _ENCODER_FILE)
            values = {name: network[name] for name in _SHAPES}
            if encoder["weights"] != "onnx":
                values["encoder"] = encoder["network"]
            if encoder["weights"] in WEIGHTS:
                values["encoder_weights"] = encoder["weights"]
            if encoder["weights"] == "random":
                values["seed"] = encoder["seed"]
        except (OSError, ValueError, LookupError, TypeError) as error:
            raise DataError(f"start_from must be a whole model bundle: {error!r}") from error
    for name in {*values} & {*fixed}:
        if str(fixed[name]) != str(values[name]) and (name, str(fixed[name])) != (
            "embedding_width",
            "0",
        ):
            raise SettingError(
                f"{name} must be {values[name]}, as in {source}, from which the training "
                f"continues: leave {flag(name)} out. Received: {fixed[name]}"
            )
    return ParentSettings(source, {k: v for k, v in values.items() if k not in fixed})
