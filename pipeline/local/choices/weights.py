"""Looks for a trained encoder: beside the data set, in Keras's cache, or for download."""

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import requests

from components.artifacts.files import read_json
from components.errors import SettingError, one_line
from components.settings.backbone_names import INPUT_SIZES, ONNX_MODEL_FILES, PREPROCESSOR_FILE
from components.settings.encoder import EncoderSettings

#: Where Keras downloads the ImageNet weights of `DEFAULT_ENCODER` from.
DOWNLOAD = (
    "https://storage.googleapis.com/tensorflow/keras-applications/inception_v3/"
    "inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5"
)
DEFAULT_ENCODER: str = EncoderSettings.model_fields["encoder"].default

_SECONDS = 5
_SUFFIXES = (".h5", ".hdf5")
# Each file of an image processor has one of these keys, and no file of a speech model has any.
_OF_IMAGE_PROCESSORS = {"image_processor_type", "size", "image_mean"}
_WITHOUT_TOP = re.compile(r"no_?top")


@dataclass(frozen=True, slots=True)
class Weights:
    """Trained weights of an encoder.

    Attributes:
        encoder: The backbone, or the folder of an ONNX model.
        weights: The value of `encoder_weights`; empty for an ONNX model, which has its own.
        why: Where they are.
    """

    encoder: str
    weights: str
    why: str


def find_weights(encoder: str | None, folders: Sequence[Path]) -> Weights:
    """Finds trained weights: an ONNX model in the folders, weights files there or in Keras's cache.

    They are searched in this order. Of several encoders in the folders, or in the cache, the
    default backbone comes first.

    Args:
        encoder: The backbone; None: any encoder that has weights here, else the default one.
        folders: Folders to search before Keras's cache.

    Raises:
        SettingError: If there are none here, and they can't be downloaded.
    """
    if not encoder and (model := onnx_model(folders)):
        return Weights(str(model), "", f"an ONNX model in {model.parent}")
    cache = _keras_cache()
    wanted = encoder or DEFAULT_ENCODER
    for places in (folders, [cache]):
        found = [
            Weights(name, weights, why)
            for name, weights, why in _files(places, cache)
            if encoder in (None, name)
        ]
        if found:
            # The default encoder first, then in the order of the folders.
            return min(found, key=lambda each: each.encoder != wanted)
    reason = _why_no_download()
    if not reason:
        return Weights(wanted, "imagenet", "Keras downloads them (not in its cache yet)")
    what = DOWNLOAD if wanted == DEFAULT_ENCODER else "them"
    looked = ", ".join(str(folder) for folder in (*folders, cache))
    raise SettingError(
        f"encoder_weights: no trained weights of {wanted} were found in {looked}, and Keras can't "
        f"download them here ({reason}). Download {what} on another machine and put the file into "
        f"{cache}, or name it with --encoder-weights; "
        "or use an ONNX model (--encoder ./FOLDER). --encoder-weights random runs without: its "
        "captions have little to do with the photos"
    )


def weights_file(encoder: str, folders: Sequence[Path]) -> str | None:
    """Returns the first weights file in the folders that is named after a backbone, if any."""
    found = _files(folders, _keras_cache())
    return next((file for name, file, _ in found if name == encoder), None)


def onnx_model(folders: Sequence[Path], name: str = "") -> Path | None:
    """Returns the folder of an ONNX image encoder in the folders, the first if there are several.

    Folders of other models, such as those for speech, are skipped.

    Args:
        folders: Where to look.
        name: The name of the folder to prefer.
    """
    models = [
        file.parent
        for folder in folders
        for file in sorted(folder.glob(f"*/{PREPROCESSOR_FILE}"))
        if any((file.parent / onnx).is_file() for onnx in ONNX_MODEL_FILES)
        and _has_image_processor(file)
    ]
    return min(models, key=lambda model: model.name != name, default=None)


def _has_image_processor(file: Path) -> bool:
    try:
        values = read_json(file)
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(values, dict) and not _OF_IMAGE_PROCESSORS.isdisjoint(values)


def _keras_cache() -> Path:
    # As in keras.src.backend.config; importing Keras takes seconds.
    home = os.environ.get("KERAS_HOME")
    return (Path(home) if home else Path.home() / ".keras") / "models"


def _files(folders: Sequence[Path], cache: Path) -> Iterator[tuple[str, str, str]]:
    for folder in folders:
        for file in sorted(folder.glob("*")) if folder.is_dir() else ():
            name = _backbone_of(file.name)
            if not name:
                continue
            if folder == cache and _WITHOUT_TOP.search(file.name):
                yield name, "imagenet", f"in {folder}"
            else:
                yield name, str(file), f"in {folder}"


def _backbone_of(file: str) -> str:
    """Returns the backbone that a weights file is named after; empty if there is none.

    Keras names its files `inception_v3_weights_…`, `efficientnetv2-b0_notop.h5` and
    `weights_mobilenet_v3_large_…`.
    """
    if not file.endswith(_SUFFIXES):
        return ""
    plain = re.sub(r"[^a-z0-9]", "", file.lower()).removeprefix("weights")
    matches = [name for name in INPUT_SIZES if plain.startswith(name.lower())]
    return max(matches, key=len, default="")


def _why_no_download() -> str:
    try:
        requests.head(DOWNLOAD, timeout=_SECONDS).raise_for_status()
    except requests.RequestException as error:
        cause = str(getattr(error.args[0], "reason", error) if error.args else error)
        return one_line(cause.rpartition(": ")[2] or type(error).__name__)
    return ""
