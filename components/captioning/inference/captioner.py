"""The captioner: describes photos with a bundle and its image encoder."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from components.captioning.encoder.casting import cast_to_float16
from components.captioning.encoder.loading import load_encoder
from components.captioning.inference.bundle import Bundle, Caption
from components.captioning.inference.confidence import Confidence
from components.captioning.inference.saliency import (
    WordSaliency,
    occlude,
    occlusion_saliency,
    word_saliency,
)
from components.captioning.model.normalizer import Normalizer
from components.errors import DataError

# Small, because photos to describe arrive one or a few at a time, and every batch is padded to this
# size.
_BATCH_SIZE = 4

_Result = TypeVar("_Result")


class Description(NamedTuple):
    """A model's captions of a photo.

    Attributes:
        captions: All captions of the final beam, best first.
        confidence: The confidence in the best one.
    """

    captions: list[Caption]
    confidence: Confidence


class Captioner:
    """Describes photos with a bundle and its image encoder.

    Args:
        directory: A bundle that includes its encoder.
        batch_size: Photos encoded per batch; a smaller batch takes as long.

    Attributes:
        on_features: Functions that are called with the features of the photos of each batch,
            float16 [N, D]; empty at first.

    Raises:
        DataError: If a file of the bundle or its encoder is missing or invalid.
    """

    def __init__(self, directory: str | Path, *, batch_size: int = _BATCH_SIZE) -> None:
        self.bundle = Bundle.load(directory)
        self.normalizer = Normalizer.load(Path(directory))
        self.encoder = load_encoder(directory, batch_size=batch_size)
        self.on_features: list[Callable[[NDArray[np.float16]], None]] = []

    def describe(self, photos: Sequence[bytes | str | Path]) -> list[str]:
        """Returns a caption, as people write it, for each photo, an image file's bytes or path.

        Raises:
            DataError: If a photo can't be read, or in the cases of `alternatives`.
        """
        return self.describe_pixels([self.load(photo) for photo in photos])

    def load(self, photo: bytes | str | Path, *, named: str = "") -> NDArray[np.uint8]:
        """Returns a photo as input for the encoder, uint8 [S, S, 3]; see `images.decode_photo`.

        Args:
            photo: An image file's bytes or path.
            named: What error messages call the photo.

        Raises:
            DataError: If it can't be read.
        """
        return self.encoder.load_photo(photo, named=named)

    def describe_pixels(self, pixels: Sequence[NDArray[np.uint8]]) -> list[str]:
        """Returns a caption for each of one or more loaded photos; raises like `alternatives`."""
        return [self.shown(alternatives[0].text) for alternatives in self.alternatives(pixels)]

    def shown(self, caption: str) -> str:
        """Returns a caption of `alternatives`, normalized words with spaces, as people write it."""
        return self.normalizer.detokenize(caption)

    def alternatives(
        self, pixels: Sequence[NDArray[np.uint8]], *, beam_width: int | None = None
    ) -> list[list[Caption]]:
        """Returns all captions of the final beam for one or more loaded photos, best first.

        Args:
            pixels: For each photo the result of `load`.
            beam_width: As for `Bundle.alternatives`.

        Raises:
            DataError: If the encoder's features of a photo are not finite in float16.
        """
        results = []
        for result in self.alternatives_or_errors(pixels, beam_width=beam_width):
            if isinstance(result, DataError):
                raise result
            results.append(result)
        return results

    def alternatives_or_errors(
        self, pixels: Sequence[NDArray[np.uint8]], *, beam_width: int | None = None
    ) -> list[list[Caption] | DataError]:
        """Returns for each photo what `alternatives` would return or raise for it alone."""
        return self._of_finite(
            pixels, lambda features: self.bundle.alternatives(features, beam_width=beam_width)
        )

    def descriptions_or_errors(
        self, pixels: Sequence[NDArray[np.uint8]], *, beam_width: int | None = None
    ) -> list[Description | DataError]:
        """Returns what `alternatives_or_errors` does, with the confidence in each best caption."""
        return self._of_finite(
            pixels, lambda features: self._describe(features, beam_width=beam_width)
        )

    def warm_up(self, *, beam_width: int) -> NDArray[np.uint8]:
        """Makes TensorFlow compile the graphs that caption a photo, before the first request.

        The encoder and the caption network are compiled at the same time: optimizing a graph does
        not keep Python busy.

        Args:
            beam_width: The beam width to compile for.

        Returns:
            The photo that was encoded, which is black, uint8 [S, S, 3].
        """
        size, width = self.encoder.spec.size, self.encoder.spec.width
        black = np.zeros((size, size, 3), np.uint8)
        with ThreadPoolExecutor(1) as thread:
            encoded = thread.submit(self.encoder.encode, black[np.newaxis])
            self._describe(np.zeros((1, width), np.float16), beam_width=beam_width)
            encoded.result()
        return black

    def _describe(
        self, features: NDArray[np.float16], *, beam_width: int | None
    ) -> list[Description]:
        """Returns the description of each photo, from features float16 [N, D]."""
        beams = self.bundle.alternatives(features, beam_width=beam_width)
        best = [captions[0].text for captions in beams]
        return list(map(Description, beams, self.bundle.confidences(features, best)))

    def _of_finite(
        self,
        pixels: Sequence[NDArray[np.uint8]],
        describe: Callable[[NDArray[np.float16]], list[_Result]],
    ) -> list[_Result | DataError]:
        """Calls a function with the finite features among those of the photos, float16 [N, D].

        Returns:
            For each photo its result, or an error.
        """
        encoded = self.encoder.encode(np.stack(pixels))  # uint8 [N, S, S, 3] -> float32 [N, D]
        # float16, as in the examples: a photo is described as it was scored.
        features, finite = cast_to_float16(encoded)
        if finite.any():
            for watch in self.on_features:
                watch(features[finite])
        results = iter(describe(features[finite]) if finite.any() else [])
        return [
            next(results) if is_finite
            else DataError(
                "this model can't describe the photo: the encoder's features must be finite "
                "float16 numbers, up to 65504, and these are not"
            )
            for is_finite in finite
        ]  # fmt: skip

    def saliency(self, pixels: NDArray[np.uint8], caption: str) -> list[WordSaliency]:
        """Returns how much each part of a photo supports each word of its caption.

        Args:
            pixels: The photo, as returned by `load`.
            caption: Its caption, as normalized words or as people write it.

        Returns:
            One entry per word; an empty list if the encoder's feature map has only one cell.
        """
        words = self.normalizer(tf.constant(caption)).numpy().decode()
        network, ids = self.bundle.network, self.bundle.vocabulary.encode(words)
        feature_map = self.encoder.feature_map(pixels[np.newaxis])  # float32 [1, H, W, D]
        if feature_map is not None:
            return word_saliency(network, feature_map[0], words, ids)
        features = self.encoder.encode(occlude(pixels))  # [1 + C, S, S, 3] -> [1 + C, D]
        return occlusion_saliency(network, features, words, ids)
