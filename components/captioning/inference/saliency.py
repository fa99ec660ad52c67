"""Saliency: how much each part of a photo supports each word of its caption.

The encoder's feature is the mean of the cells of its last feature map (8 x 8 in InceptionV3), each
of which mostly depends on one part of the photo. The saliency of a cell for a word is the drop in
the word's log-probability when the cell is left out of the mean: occlusion (Zeiler and Fergus,
2014, arXiv:1311.2901) of features instead of pixels. To first order this is gradient times input,
as in Grad-CAM (Selvaraju et al., 2017, arXiv:1610.02391). It works with any decoder.

With multi-crop encoding, the mean is that of the whole photo's cells, one of the seven views.

Where an encoder's feature is no such mean, as in most vision transformers, parts of the photo
itself are occluded instead, which takes a forward pass for each of them.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise, product
from typing import NamedTuple

import numpy as np
from keras import ops
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from components.captioning.model.ensemble import CaptionNetwork, ensemble_logits
from components.captioning.model.vocabulary import START

_ROWS = ("upper", "", "lower")
_COLUMNS = ("left", "", "right")
_MIDDLE = "middle"
# A word whose maximum saliency is below this is not attributed to any part.
_MIN_SALIENCY = 0.15
# In nats: smaller differences between the cells of a photo are rounding errors.
_MIN_SCALE = 0.001
# Rows and columns of the parts of a photo that are occluded.
_PARTS = 6
# Occluded features computed per batch.
_BATCH_SIZE = 128


class WordSaliency(NamedTuple):
    """The saliency of each part of a photo for one word.

    Attributes:
        word: As in the caption.
        cells: float32 [H, W], the support of each part of the photo for the word, relative to the
            largest support of any part for any word of the caption (or to 0.001 nats, if that is
            larger): 1 is the largest, 0 is none or negative.
        place: The region with the most support, in words, such as "upper left"; empty if no part
            has much.
    """

    word: str
    cells: NDArray[np.float32]
    place: str


def word_saliency(
    network: CaptionNetwork, cells: NDArray[np.float32], caption: str, ids: Sequence[int]
) -> list[WordSaliency]:
    """Returns the saliency of each part of a photo for each word of a caption.

    Args:
        network: The trained network.
        cells: float32 [H, W, D], the encoder's last feature map of the photo.
        caption: Normalized.
        ids: The token ids of its words.

    Returns:
        One entry per word; an empty list if the map has fewer than two cells.
    """
    height, width, depth = cells.shape
    if height * width < 2 or not ids:
        return []
    # [H, W, D] -> [H * W, D], and [T, H * W] -> [T, H, W]
    weights = word_weights(network, cells.reshape(-1, depth), ids).reshape(-1, height, width)
    return _saliencies(weights, caption)


def occlusion_saliency(
    network: CaptionNetwork, features: NDArray[np.float32], caption: str, ids: Sequence[int]
) -> list[WordSaliency]:
    """Returns the saliency of each part of a photo, computed from occluded copies of the photo.

    Args:
        network: The trained network.
        features: float32 [1 + 36, D], of the photos that `occlude` returned.
        caption: Normalized.
        ids: The token ids of its words.

    Returns:
        One entry per word.
    """
    if not ids:
        return []
    weights = _occlusion_weights(network, features, ids)
    return _saliencies(weights.reshape(-1, _PARTS, _PARTS), caption)  # [T, H * W] -> [T, H, W]


def _saliencies(weights: NDArray[np.float32], caption: str) -> list[WordSaliency]:
    """Returns the saliency of words by their weights, float32 [T, H, W]."""
    saliencies = np.maximum(weights, 0) / max(float(weights.max()), _MIN_SCALE)
    return [
        WordSaliency(word, saliency, _place(saliency))
        for word, saliency in zip(caption.split(), saliencies, strict=True)
    ]


def occlude(photo: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Returns a photo, and copies of it in each of which one part has the photo's mean colour.

    Args:
        photo: uint8 [S, S, 3].

    Returns:
        uint8 [1 + 36, S, S, 3]: the photo, then a copy for each part, 6 rows of 6.
    """
    copies = np.repeat(photo[np.newaxis], 1 + _PARTS**2, axis=0)
    colour = photo.mean(axis=(0, 1)).round().astype(np.uint8)
    edges = np.linspace(0, len(photo), _PARTS + 1).round().astype(int)
    parts = product(pairwise(edges), pairwise(edges))
    for copy, ((top, bottom), (left, right)) in zip(copies[1:], parts, strict=True):
        copy[top:bottom, left:right] = colour
    return copies


def word_weights(
    network: CaptionNetwork, cells: NDArray[np.float32], ids: Sequence[int]
) -> NDArray[np.float32]:
    """Returns the contribution of each cell to the log-probability of each word, in nats.

    Args:
        network: The trained network.
        cells: float32 [C, D], two or more cells of one photo, whose mean is its feature.
        ids: The token ids of T words, one or more, without special tokens.

    Returns:
        float32 [T, C]: the word's log-probability minus its log-probability without the cell.
        Negative if the cell makes the word less probable.
    """
    occluded = (cells.sum(axis=0) - cells) / (len(cells) - 1)  # [C, D]
    features = np.concatenate([cells.mean(axis=0, keepdims=True), occluded])  # [1 + C, D]
    return _occlusion_weights(network, features, ids)


def _occlusion_weights(
    network: CaptionNetwork, features: NDArray[np.float32], ids: Sequence[int]
) -> NDArray[np.float32]:
    """Returns how much each part adds to the log-probability of each word, float32 [T, C].

    Args:
        network: The trained network.
        features: float32 [1 + C, D], of the whole photo, and of the photo without each part.
        ids: The token ids of T words.
    """
    whole, *without_cell = (
        row for rows in _log_probabilities(network, features, ids) for row in rows
    )
    return np.stack([whole - row for row in without_cell], axis=1)


def _log_probabilities(
    network: CaptionNetwork, features: NDArray[np.float32], ids: Sequence[int]
) -> Iterator[NDArray[np.float32]]:
    """Yields the log-probabilities of T tokens, float32 [R, T], batch by batch of features [N, D].

    Args:
        network: The trained network.
        features: float32 [N, D].
        ids: The token ids.
    """
    positions = np.arange(len(ids))
    for start in range(0, len(features), _BATCH_SIZE):
        batch = features[start : start + _BATCH_SIZE]
        tokens = np.tile(np.array([START, *ids[:-1]], np.int32), (len(batch), 1))  # [R, T]
        logits = ensemble_logits(network({"features": batch, "tokens": tokens}))  # [R * T, V]
        log_probabilities = ops.convert_to_numpy(ops.log_softmax(logits))
        # [R * T, V] -> [R, T, V] -> [R, T]
        yield log_probabilities.reshape(len(batch), len(ids), -1)[:, positions, ids]


def _place(saliency: NDArray[np.float32]) -> str:
    if saliency.max() < _MIN_SALIENCY:
        return ""
    # Smoothed, because a single cell may be an outlier; outside the photo there is no support.
    smoothed = gaussian_filter(saliency, 1, mode="constant")
    row, column = (int(index) for index in np.unravel_index(smoothed.argmax(), smoothed.shape))
    height, width = saliency.shape
    words = (_ROWS[_third(row, height)], _COLUMNS[_third(column, width)])
    return " ".join(word for word in words if word) or _MIDDLE


def _third(index: int, count: int) -> int:
    """Returns which third of a side contains the centre of one of `count` equal cells."""
    return 3 * (2 * index + 1) // (2 * count)
