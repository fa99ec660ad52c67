"""A bundle with its photo encoder: describes photos."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from components.captioning.encoder.casting import cast_to_float16
from components.captioning.encoder.encoder import Encoder
from components.captioning.encoder.images import load_photo
from components.captioning.inference.bundle import Bundle, Caption
from components.captioning.inference.saliency import WordSaliency, word_saliency
from components.errors import DataError

# New photos come one or a few at a time; a batch is always computed full.
_PHOTOS_AT_ONCE = 4


class Captioner:
    """A bundle with its photo encoder: describes photos.

    Args:
        directory: A bundle that holds its encoder.
        batch_size: Photos that are encoded at once; fewer cost as much.

    Raises:
        DataError: If the bundle or its encoder is not whole.
    """

    def __init__(self, directory: str | Path, *, batch_size: int = _PHOTOS_AT_ONCE) -> None:
        self.bundle = Bundle.load(directory)
        self.encoder = Encoder.load(directory, batch_size=batch_size)

    def describe(self, photos: Sequence[bytes | str | Path]) -> list[str]:
        """Returns a caption for each photo, given as encoded bytes or as a path.

        Raises:
            DataError: If a photo can't be read, or as by `alternatives`.
        """
        return self.describe_pixels([self.load(photo) for photo in photos])

    def load(self, photo: bytes | str | Path, *, named: str = "") -> NDArray[np.uint8]:
        """Returns a photo as the encoder takes it, uint8 [S, S, 3]; see `photos.load_photo`.

        Raises:
            DataError: If it can't be read.
        """
        return load_photo(photo, self.encoder.spec.size, named=named)

    def describe_pixels(self, pixels: Sequence[NDArray[np.uint8]]) -> list[str]:
        """Returns a caption for each of one or more loaded photos; raises as `alternatives`."""
        return [found[0].caption for found in self.alternatives(pixels)]

    def alternatives(
        self, pixels: Sequence[NDArray[np.uint8]], *, beam_width: int | None = None
    ) -> list[list[Caption]]:
        """Returns, best first, all captions that the beam ends with for one or more loaded photos.

        Args:
            pixels: Of each photo what `load` returned.
            beam_width: As for `Bundle.alternatives`.

        Raises:
            DataError: If the encoder's features of a photo are no numbers that records could hold.
        """
        found = []
        for each in self.alternatives_or_errors(pixels, beam_width=beam_width):
            if isinstance(each, DataError):
                raise each
            found.append(each)
        return found

    def alternatives_or_errors(
        self, pixels: Sequence[NDArray[np.uint8]], *, beam_width: int | None = None
    ) -> list[list[Caption] | DataError]:
        """Returns of each photo what `alternatives` returns or raises: one spoils no other's."""
        seen = self.encoder.encode(np.stack(pixels))  # uint8 [N, S, S, 3] to float32 [N, D]
        # As records hold them: a photo is described as it was scored.
        features, fit = cast_to_float16(seen)
        some = self.bundle.alternatives(features[fit], beam_width=beam_width) if fit.any() else []
        told = iter(some)
        return [
            next(told) if fits
            else DataError(
                "this model can't describe it: the encoder's features must be numbers within "
                "float16, up to 65504, and are not"
            )
            for fits in fit
        ]  # fmt: skip

    def saliency(self, pixels: NDArray[np.uint8], caption: str) -> list[WordSaliency]:
        """Returns where the network looked for each word of a caption.

        Args:
            pixels: Of the photo what `load` returned.
            caption: What was said of it.

        Returns:
            Word by word; nothing if the encoder's network has no map of the photo.
        """
        cells = self.encoder.feature_map(pixels[np.newaxis])  # float32 [1, H, W, D]
        if cells is None:
            return []
        return word_saliency(
            self.bundle.network, cells[0], caption, self.bundle.vocabulary.encode(caption)
        )
