"""The interface of image encoders."""

from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from components.captioning.encoder.spec import EncoderSpec


class ImageEncoder(Protocol):
    """An image encoder: `Encoder`, computed by TensorFlow, or `OnnxEncoder`, by onnxruntime.

    `MultiCropEncoder` averages the features of either over several views of a photo.

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
        """Returns the last feature maps, float32 [B, H, W, width], or None if there are none.

        Their mean over H and W is the feature, with multi-crop encoding that of the whole photo.
        """
