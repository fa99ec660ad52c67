"""The train photos that a model keeps, for reranking, confidence and drift."""

import hashlib
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from components.artifacts.examples import Examples
from components.captioning.decoding.reranker_data import RerankerData


def sample_photos(blocks: Iterable[Examples], most: int, seed: int) -> RerankerData:
    """Draws photos at random, in one pass and with memory for about twice as many photos.

    Each photo gets a random number that depends only on its id and the seed, and the photos with
    the lowest numbers are drawn (bottom-k sampling, Cohen and Kaplan, 2007). So the sample does not
    depend on how the photos are divided into blocks.

    Args:
        blocks: All train photos.
        most: Maximum size of the sample; all photos are drawn if there are no more.
        seed: Seed of the sample.

    Returns:
        Features and captions of the drawn photos, in the order of the blocks.
    """
    features: list[NDArray[np.float16]] = []
    captions: list[tuple[str, ...]] = []
    numbers = np.zeros(0, np.uint64)
    for block in blocks:
        features.append(block.features)
        captions += block.references
        drawn = [_number(image_id, seed) for image_id in block.image_ids]
        numbers = np.concatenate([numbers, np.array(drawn, np.uint64)])
        if len(numbers) > 2 * most:
            features, captions, numbers = _lowest(features, captions, numbers, most)
    features, captions, _ = _lowest(features, captions, numbers, most)
    return RerankerData(features[0], captions)


def _lowest(
    features: list[NDArray[np.float16]],
    captions: list[tuple[str, ...]],
    numbers: NDArray[np.uint64],
    most: int,
) -> tuple[list[NDArray[np.float16]], list[tuple[str, ...]], NDArray[np.uint64]]:
    together = features[0] if len(features) == 1 else np.concatenate(features)
    if len(numbers) <= most:
        return [together], captions, numbers
    rows = np.sort(np.argsort(numbers, kind="stable")[:most])
    return [together[rows]], [captions[row] for row in rows], numbers[rows]


def _number(image_id: str, seed: int) -> int:
    digest = hashlib.blake2b(image_id.encode(), digest_size=8, salt=seed.to_bytes(16, "big"))
    return int.from_bytes(digest.digest(), "big")
