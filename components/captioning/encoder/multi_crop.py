"""Multi-crop encoding: the feature of a photo is the mean of the features of seven views of it.

Averaging over crops and mirror images improves classification (after Krizhevsky et al., 2012,
section 4.1, who average predictions over ten crops). What it does for captions is measured in
tests/benchmarks/README.md.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from components.captioning.encoder.image_encoder import ImageEncoder
from components.captioning.encoder.spec import EncoderSpec

#: Views of a photo: the whole, its mirror image, four corners and the centre.
VIEWS = 7
# Height and width of a crop, relative to the photo's.
_CROP = 0.75
# Left and top edge of each crop, relative to what remains beside and above or below it.
_PLACES = ((0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0), (0.5, 0.5))
# Photos whose views are in memory at the same time.
_BATCH_SIZE = 32


class MultiCropEncoder:
    """An encoder that averages the features of seven views of each photo.

    Args:
        encoder: Encodes a view.

    Attributes:
        spec: That of `encoder`, with `multi_crop`.
    """

    spec: EncoderSpec

    def __init__(self, encoder: ImageEncoder) -> None:
        self.spec = replace(encoder.spec, multi_crop=True)
        self._encoder = encoder

    def save(self, directory: str | Path) -> None:
        """Writes `encoder.json` and the weights into a directory."""
        self._encoder.save(directory)
        self.spec.save(directory)

    def load_photo(self, source: str | Path | bytes, *, named: str = "") -> NDArray[np.uint8]:
        """Returns a photo as input for `encode`, uint8 [size, size, 3].

        Raises:
            DataError: If it can't be read.
        """
        return self._encoder.load_photo(source, named=named)

    def encode(self, photos: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Returns the mean features of the views of photos, float32 [B, width].

        Args:
            photos: uint8 [B, size, size, 3].
        """
        features = np.empty((len(photos), self.spec.width), np.float32)
        for start in range(0, len(photos), _BATCH_SIZE):
            batch = photos[start : start + _BATCH_SIZE]
            # Pillow resizes without Python's lock.
            with ThreadPoolExecutor() as threads:
                views = np.concatenate(list(threads.map(views_of, batch)))
            encoded = self._encoder.encode(views)  # [B * 7, width]
            # [B * 7, width] -> [B, 7, width] -> [B, width]
            features[start : start + _BATCH_SIZE] = encoded.reshape(
                -1, VIEWS, self.spec.width
            ).mean(1)
        return features

    def feature_map(self, photos: NDArray[np.uint8]) -> NDArray[np.float32] | None:
        """Returns the feature maps of the whole photos; their mean is the feature of that view.

        Args:
            photos: uint8 [B, size, size, 3].

        Returns:
            float32 [B, H, W, width], or None.
        """
        return self._encoder.feature_map(photos)


def views_of(photo: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Returns the seven views of a photo.

    Args:
        photo: uint8 [S, S, 3], the input of the encoder: what its preprocessing cuts off is in no
            view.

    Returns:
        uint8 [7, S, S, 3]: the photo, its mirror image, and crops of its four corners and its
        centre, each three quarters as high and wide, enlarged to S by bicubic interpolation.
    """
    size = len(photo)
    image = Image.fromarray(photo)
    side = _CROP * size
    crops = []
    for horizontal, vertical in _PLACES:
        left, top = horizontal * (size - side), vertical * (size - side)
        box = (left, top, left + side, top + side)
        crops.append(np.asarray(image.resize((size, size), Image.Resampling.BICUBIC, box)))
    return np.stack([photo, photo[:, ::-1], *crops])
