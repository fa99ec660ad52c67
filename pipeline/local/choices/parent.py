"""Settings that follow from the model that a run continues from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.artifacts.files import ENCODER_FILE, NETWORK_FILE, read_json
from components.errors import DataError, SettingError
from components.settings.backbone_names import is_model_folder
from components.settings.base import flag
from components.settings.encoder import WEIGHTS
from components.settings.presets import DEFAULT_PRESET
from components.settings.train import PARENT_SHAPES
from pipeline.config import make_settings
from pipeline.local.choices.weights import onnx_model, weights_file
from pipeline.local.environment import set_environment


@dataclass(frozen=True, slots=True)
class ParentSettings:
    """What a run takes from the model that it continues from.

    Attributes:
        source: `models:/NAME/VERSION`, or the folder as the user gave it.
        values: Settings by name, without those that the user has set.
    """

    source: str
    values: Mapping[str, Any]


def parent_settings(
    start_from: str, root: Path, fixed: Mapping[str, Any], folders: Sequence[Path] = ()
) -> ParentSettings:
    """Reads the settings that a parent determines: encoder, decoder, ensemble size and widths.

    A bundle does not say where the files of its encoder are on this machine. If they are not beside
    the data set, the user has to name the folder of an ONNX model, and a weights file that is not
    one of Keras's.

    Args:
        start_from: The setting of this name.
        root: The work folder, whose MLflow store may have the parent.
        fixed: Settings that the user has set, as values or text.
        folders: Folders in which the encoder's files may be.

    Raises:
        DataError: If there is no such model, or its files are damaged.
        SettingError: If a setting that the user has set differs from the parent's, or the user has
            to name the encoder's files.
        CaptionflowError: If MLflow or an object store can't be used.
    """
    given = make_settings(DEFAULT_PRESET, fixed)
    set_environment(root)
    # MLflow takes seconds to import.
    from components.registry.parents import open_parent

    with open_parent(start_from) as parent:
        source = parent.source
        try:
            network = read_json(parent.bundle / NETWORK_FILE)
            encoder = read_json(parent.bundle / ENCODER_FILE)
            values = {name: network[name] for name in PARENT_SHAPES} | _encoder_settings(encoder)
        except (OSError, ValueError, LookupError, TypeError) as error:
            raise DataError(f"start_from must be a complete model bundle: {error!r}") from error
    for name, value in values.items():
        if name in fixed and not _agree(name, getattr(given, name), value):
            raise SettingError(
                f"{name} must be {value}, as in {source}, from which the training "
                f"continues: leave {flag(name)} out. Received: {fixed[name]}"
            )
    own = {name: value for name, value in values.items() if name not in fixed}
    own = _encoder_files(encoder, folders, fixed) | own
    _require_encoder_files(encoder, {**own, **fixed}, source)
    return ParentSettings(source, own)


def _encoder_settings(encoder: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the settings that follow from the content of `encoder.json`."""
    weights = encoder["weights"]
    values = {"multi_crop": encoder.get("multi_crop", False)}
    if weights == "onnx":
        return {**values, "encoder_output": encoder["onnx"]["output"]}
    values["encoder"] = encoder["network"]
    if weights in WEIGHTS:
        values["encoder_weights"] = weights
    if weights == "random":
        values["seed"] = encoder["seed"]
    return values


def _encoder_files(
    encoder: Mapping[str, Any], folders: Sequence[Path], fixed: Mapping[str, Any]
) -> dict[str, Any]:
    """Returns files of the parent's encoder by their names; their content is compared later."""
    name = encoder["network"]
    if encoder["weights"] == "onnx" and "encoder" not in fixed:
        found = onnx_model(folders, name)
        return {"encoder": str(found)} if found else {}
    if encoder["weights"] == "file" and "encoder_weights" not in fixed:
        file = weights_file(name, folders)
        return {"encoder_weights": file} if file else {}
    return {}


def _agree(name: str, given: Any, value: Any) -> bool:
    # These values stand for the width of the word vectors, and for the model's first output.
    open_choice = {"embedding_width": 0, "encoder_output": ""}
    return given == value or (name in open_choice and given == open_choice[name])


def _require_encoder_files(
    encoder: Mapping[str, Any], chosen: Mapping[str, Any], source: str
) -> None:
    weights = encoder["weights"]
    if weights == "onnx" and not is_model_folder(str(chosen.get("encoder", ""))):
        raise SettingError(
            f"encoder must be the folder of the ONNX model {encoder['network']}, as for {source}, "
            "from which the training continues: put it beside the data set, or give --encoder "
            "./FOLDER. "
            f"Received: {chosen.get('encoder', 'no --encoder')}"
        )
    if weights == "file" and chosen.get("encoder_weights", "random") == "random":
        raise SettingError(
            f"encoder_weights must be the file of {encoder['network']}'s weights, as for {source}, "
            "from which the training continues: put it beside the data set, or give "
            "--encoder-weights FILE. "
            f"Received: {chosen.get('encoder_weights', 'no --encoder-weights')}"
        )
