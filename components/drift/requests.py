"""Reads kept features for a drift test."""

import logging
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from components.artifacts.arrays import read_array
from components.drift.kept_features import MAX_BYTES, encoder_folder, list_kept
from components.storage.filesystem import open_filesystem
from components.storage.objects import download_file

logger = logging.getLogger(__name__)


class Requests(NamedTuple):
    """The features of requested photos.

    Attributes:
        features: float16 [N, D], one row for each distinct photo.
        others: Names of the folders of other encoders, whose features are not comparable.
    """

    features: NDArray[np.float16]
    others: list[str]


def read_requests(uri: str, encoder: Mapping[str, Any], width: int) -> Requests:
    """Reads the features that `FeatureKeeper` wrote.

    A photo that was requested several times counts once, because the test assumes independence.

    Args:
        uri: The folder, local, `gs://` or `s3://`; one that does not exist has no features.
        encoder: `sha256`, `precision` and `multi_crop` of the encoder whose features are wanted.
        width: Features per photo, D. Files of another shape are damaged and left out.

    Raises:
        SettingError, CaptionflowError: If the folder can't be read.
    """
    kept, own = list_kept(uri), encoder_folder(encoder)
    others = sorted({name.partition("/")[0] for name in kept} - {own})
    matrices = [np.zeros((0, width), np.float16)]
    size = 0
    with (
        open_filesystem(uri) as (filesystem, path),
        TemporaryDirectory(prefix="captionflow-") as folder,
    ):
        # The newest first, in case the folder has more files than are ever kept.
        for name in reversed(list(kept)):
            if name.partition("/")[0] != own:
                continue
            size += kept[name]
            if size > MAX_BYTES:
                break
            copy = Path(folder) / "features.npy"
            try:
                download_file(filesystem, f"{path}/{name}", copy)
            except FileNotFoundError:
                # Another process has removed it meanwhile.
                continue
            try:
                matrices.append(_read(copy, width))
            except (OSError, ValueError) as error:
                logger.warning("Leaving out the damaged file %s in %s: %s", name, uri, error)
    return Requests(np.unique(np.concatenate(matrices), axis=0), others)


def _read(file: Path, width: int) -> NDArray[np.float16]:
    features = read_array(file)
    if features.dtype != np.float16 or features.ndim != 2 or features.shape[1] != width:
        raise ValueError(f"it must be float16 [N, {width}]. Received: {features.shape}")
    if not np.isfinite(features).all():
        raise ValueError("not all of its numbers are finite")
    return features
