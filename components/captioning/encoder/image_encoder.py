"""The interface of image encoders, and a function that loads either kind."""

from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from components.captioning.encoder.encoder import Encoder
from components.captioning.encoder.spec import EncoderSpec


class ImageEncoder(Protocol):
    """An image encoder: `Encoder`, computed by TensorFlow, or `OnnxEncoder`, by onnxruntime.

    Attributes:
        spec: Identifies the encoder.
    """

    spec: EncoderSpec

    def save(self, directory: str | Path) -> None:
        """Writes `encoder.json` and the weights into a directory."""

    def load_photo(self, source: str | Path | bytes, *, named: str = "") -> NDArray[np.uint8]:
        """Returns a photo as input for `encode`, uint8 [size, size, 3]."""

    def encode(self, photos: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Returns the features of photos, float32 [B, width]."""

    def feature_map(self, photos: NDArray[np.uint8]) -> NDArray[np.float32] | None:
        """Returns the cells whose mean is the feature, float32 [B, H, W, width], or None."""


def load_encoder(directory: str | Path, *, batch_size: int = 32) -> ImageEncoder:
    """Reads an encoder of either kind that its `save` wrote.

    Args:
        directory: Has `encoder.json` and the weights.
        batch_size: Photos per batch.

    Raises:
        DataError: If files are missing or invalid, or the weights are not those of the spec.
    """
    if EncoderSpec.load(directory).onnx is None:
        return Encoder.load(directory, batch_size=batch_size)
    # A registered model has onnxruntime only if its encoder needs it.
    from components.captioning.encoder.onnx.encoder import OnnxEncoder

    return OnnxEncoder.load(directory, batch_size=batch_size)
