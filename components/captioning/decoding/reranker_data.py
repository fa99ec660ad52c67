"""The data from which a bundle's reranker is fitted, and the files that hold them."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

from components.artifacts.arrays import read_array
from components.artifacts.files import write_json
from components.captioning.decoding.reranking import METHOD, Reranker

FEATURES_FILE = "reranker_features.npy"
CAPTIONS_FILE = "reranker_captions.json"


@dataclass(frozen=True)
class _CaptionsFile:
    method: str
    captions: list[tuple[str, ...]]


_CAPTIONS_FILE = TypeAdapter(_CaptionsFile)


@dataclass(frozen=True)
class RerankerData:
    """Features and captions of the train photos, from which the reranker is fitted.

    Attributes:
        features: float16 [N, D].
        captions: The normalized captions of each photo; at least one in total.
        method: The reranking method in use when the bundle was written.
    """

    features: NDArray[np.float16]
    captions: list[tuple[str, ...]]
    method: str = METHOD

    @cached_property
    def reranker(self) -> Reranker:
        """The reranker, fitted on first use, which takes seconds."""
        return Reranker(self.features, self.captions)

    def save(self, directory: Path) -> None:
        """Writes features and captions to a directory, without pickle."""
        np.save(directory / FEATURES_FILE, self.features, allow_pickle=False)
        write_json(directory / CAPTIONS_FILE, {"method": self.method, "captions": self.captions})

    @classmethod
    def load(cls, directory: Path) -> "RerankerData":
        """Reads what `save` wrote.

        Raises:
            OSError: If a file is missing.
            LookupError, TypeError, ValueError: If a file is invalid, or the two do not match.
        """
        features = read_array(directory / FEATURES_FILE)
        content = _CAPTIONS_FILE.validate_json((directory / CAPTIONS_FILE).read_bytes())
        captions = content.captions
        if len(features) != len(captions):
            raise ValueError(
                f"{CAPTIONS_FILE} must have captions for each of the {len(features)} photos in "
                f"{FEATURES_FILE}. Received: captions for {len(captions)}"
            )
        if features.ndim != 2 or features.dtype.kind != "f" or not np.isfinite(features).all():
            raise ValueError(
                f"{FEATURES_FILE} must hold a matrix of finite floats, one row per photo. "
                f"Received: {features.dtype} of shape {features.shape}"
            )
        return cls(features, captions, content.method)
