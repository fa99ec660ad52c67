"""Chooses those settings of a run on a user's own data that the user has not set."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.settings.backbone_names import is_model_folder
from components.settings.data import NO_GLOVE, SAMPLE
from components.settings.presets import DEFAULT_PRESET, preset_values
from components.settings.shared import LengthSettings
from components.storage.filesystem import is_remote
from pipeline.config import preset_for
from pipeline.local.choices.data import count_images, folders_beside, model_name_of, require_exists
from pipeline.local.choices.glove import find_glove
from pipeline.local.choices.lengths import long_captions
from pipeline.local.choices.parent import parent_settings
from pipeline.local.choices.weights import DEFAULT_ENCODER, find_weights

#: Maximum number of images that are encoded with multiple crops unless the user decides: with
#: InceptionV3, little more than an hour on two cores with bfloat16.
MAX_MULTI_CROP_IMAGES = 20_000
_DEFAULT_MAX_WORDS: int = LengthSettings.model_fields["max_words"].default


@dataclass(frozen=True, slots=True)
class Choice:
    """A row of the table of choices.

    Attributes:
        title: What was chosen.
        value: The choice.
        why: The reason.
        flags: The options that change it.
    """

    title: str
    value: str
    why: str
    flags: str


@dataclass(frozen=True, slots=True)
class Choices:
    """The preset to start from, and settings that override it.

    Attributes:
        preset: The preset's name.
        values: Settings by name.
        rows: The table of choices; empty if the user has set everything.
    """

    preset: str
    values: Mapping[str, Any]
    rows: tuple[Choice, ...] = ()


def choose_settings(preset: str | None, fixed: Mapping[str, Any], root: Path) -> Choices:
    """Chooses preset, encoder weights, word vectors, the model's name and the longest caption.

    A preset that the user names keeps its own values; one that is chosen by the size of the data
    only determines the model and its training. With `start_from`, that model determines the
    encoder, the decoder and the widths.

    Args:
        preset: The preset that the user named; None: choose one.
        fixed: Settings from a file and the command line, which are not changed.
        root: The work folder.

    Raises:
        DataError: If nothing is at the data set's path, or there is no model to continue from.
        SettingError: If there are no trained weights for the encoder, or a setting differs from
            that of the model to continue from.
        CaptionflowError: If MLflow or an object store can't be used.
    """
    dataset, start_from = (str(fixed.get(name, "")) for name in ("dataset", "start_from"))
    own = dataset not in ("", SAMPLE)
    if own and not is_remote(dataset):
        require_exists(dataset)
    values: dict[str, Any] = {}
    rows: list[Choice] = []
    if own and preset is None:
        images = count_images(dataset)
        preset = preset_for(images)
        found = "an unknown number of" if images is None else f"{images:,}"
        rows.append(Choice("preset", preset, f"for {found} images", "--preset"))
        if "max_words" not in fixed:
            for row, chosen in _longest_caption(dataset, images, preset):
                rows.append(row)
                values |= chosen
        cropped = preset_values(preset).get("multi_crop") and not start_from
        if cropped and "multi_crop" not in fixed:
            row, chosen = _multi_crop(images)
            rows.append(row)
            values |= chosen
        named: Mapping[str, Any] = {}
    else:
        preset = preset or DEFAULT_PRESET
        named = preset_values(preset)
    if start_from:
        parent = parent_settings(start_from, root, fixed, folders_beside(dataset) if own else ())
        values |= parent.values
        rows.append(Choice("parent", parent.source, "the model to continue from", "--start-from"))
        rows += [
            Choice(name.replace("_", " "), str(value), "as in the parent", "--start-from")
            for name, value in parent.values.items()
        ]
    taken = {k: v for k, v in {**named, **values, **fixed}.items() if v is not None}
    for row, chosen in _chosen(dataset, taken) if own else ():
        rows.append(row)
        values |= chosen
    if own and "floors" not in taken:
        floors = preset_values(preset).get("floors") or "none"
        rows.append(Choice("required scores", floors, f"preset {preset}", "--floors"))
    # An earlier run's file sets everything but the preset, which then has no effect.
    return Choices(preset, values, tuple(rows) if values else ())


def _longest_caption(
    dataset: str, images: int | None, preset: str
) -> Iterator[tuple[Choice, dict[str, Any]]]:
    limit = preset_values(preset).get("max_words", _DEFAULT_MAX_WORDS)
    if long := long_captions(dataset, images, limit):
        chosen = f"{long.enough} {long.unit}"
        why = f"{long.share:.0%} of the captions have more than {limit}"
        row = Choice("longest caption", chosen, why, "--max-words")
        yield row, {"max_words": long.enough}


def _multi_crop(images: int | None) -> tuple[Choice, dict[str, Any]]:
    if images is not None and images <= MAX_MULTI_CROP_IMAGES:
        why = f"up to {MAX_MULTI_CROP_IMAGES:,} images; encoding takes seven times as long"
        return Choice("multi crop", "on", why, "--no-multi-crop"), {"multi_crop": True}
    known = "an unknown number of" if images is None else f"more than {MAX_MULTI_CROP_IMAGES:,}"
    why = f"{known} images, and encoding would take seven times as long"
    return Choice("multi crop", "off", why, "--multi-crop"), {"multi_crop": False}


def _chosen(dataset: str, taken: Mapping[str, Any]) -> Iterator[tuple[Choice, dict[str, Any]]]:
    folders = folders_beside(dataset)
    encoder = taken.get("encoder")
    if "encoder_weights" not in taken and not (encoder and is_model_folder(encoder)):
        weights = find_weights(encoder, folders)
        if not encoder:
            why = "the default" if weights.encoder == DEFAULT_ENCODER else "its weights are here"
            row = Choice("image encoder", weights.encoder, why, "--encoder")
            yield row, {"encoder": weights.encoder}
        if weights.weights:
            row = Choice("encoder weights", weights.weights, weights.why, "--encoder-weights")
            yield row, {"encoder_weights": weights.weights}
    if "glove" not in taken:
        glove = find_glove(folders)
        why = "the first file in or beside the data set"
        if glove == NO_GLOVE:
            why = "no GloVe file in or beside the data set"
        yield Choice("word vectors", glove, why, "--glove"), {"glove": glove}
    if "model_name" not in taken:
        name = model_name_of(dataset)
        yield (
            Choice("model name", name, "the data set's name", "--model-name"),
            {"model_name": name},
        )
