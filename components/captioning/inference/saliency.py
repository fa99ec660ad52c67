"""Where the network looked: what each part of a photo does for each word of its caption.

An encoder's feature is the mean over the cells of its last map, 8 x 8 of InceptionV3, each of which
sees most of one part of the photo. Leave one out, and see how much less sure the network becomes of
a word: that is what the cell does for the word (occlusion, Zeiler and Fergus, 2014,
arXiv:1311.2901, of features instead of pixels; to first order a gradient times input, in the line
of Grad-CAM, Selvaraju et al., 2017, arXiv:1610.02391). It asks the network itself, whatever its
decoder.
"""

from collections.abc import Iterator, Sequence
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
# Below this weight no part decides a word.
_FAINT = 0.15
# In nats: less than that, all cells of a photo do nothing, and differ by rounding.
_LEAST = 0.001
# Photos without a cell that are computed at once.
_AT_ONCE = 128


class WordSaliency(NamedTuple):
    """Where the network looked for a word.

    Attributes:
        word: As in the caption.
        cells: float32 [H, W], how much each part of the photo speaks for the word: 1 is the most
            that any part does for any word of the caption (or 0.001 nats, if that is more), 0
            nothing or against it.
        place: Where parts together do the most, in words, such as "upper left"; empty if none does
            much.
    """

    word: str
    cells: NDArray[np.float32]
    place: str


def word_saliency(
    network: CaptionNetwork, cells: NDArray[np.float32], caption: str, ids: Sequence[int]
) -> list[WordSaliency]:
    """Returns where the network looked, word by word.

    Args:
        network: Trained.
        cells: float32 [H, W, D], the encoder's last map of one photo.
        caption: Normalised.
        ids: Of its words.

    Returns:
        One a word; none if the map has no parts.
    """
    height, width, depth = cells.shape
    if height * width < 2 or not ids:
        return []
    # [H, W, D] -> [H * W, D], and [T, H * W] -> [T, H, W]
    weights = word_weights(network, cells.reshape(-1, depth), ids).reshape(-1, height, width)
    shares = np.maximum(weights, 0) / max(float(weights.max()), _LEAST)
    return [
        WordSaliency(word, each, _place(each))
        for word, each in zip(caption.split(), shares, strict=True)
    ]


def word_weights(
    network: CaptionNetwork, cells: NDArray[np.float32], ids: Sequence[int]
) -> NDArray[np.float32]:
    """Returns how much each cell does for each word, in nats.

    Args:
        network: Trained.
        cells: float32 [C, D], of one photo, 2 or more; their mean is its feature.
        ids: Of T words, 1 or more, a caption without marks.

    Returns:
        float32 [T, C]: the word's log-probability, less what it is without the cell. Negative
        where the cell speaks against the word.
    """
    without = (cells.sum(axis=0) - cells) / (len(cells) - 1)  # [C, D]
    seen = np.concatenate([cells.mean(axis=0, keepdims=True), without])  # [1 + C, D]
    whole, *others = (row for rows in _log_probabilities(network, seen, ids) for row in rows)
    return np.stack([whole - other for other in others], axis=1)


def _log_probabilities(
    network: CaptionNetwork, features: NDArray[np.float32], ids: Sequence[int]
) -> Iterator[NDArray[np.float32]]:
    """Yields those of T words, float32 [R, T], for features, float32 [N, D], some rows a time."""
    places = np.arange(len(ids))
    for start in range(0, len(features), _AT_ONCE):
        few = features[start : start + _AT_ONCE]
        said = np.tile(np.array([START, *ids[:-1]], np.int32), (len(few), 1))  # [R, T]
        logits = ensemble_logits(network({"features": few, "words": said}))  # [R * T, V]
        every = ops.convert_to_numpy(ops.log_softmax(logits))
        # [R * T, V] -> [R, T, V] -> [R, T]
        yield every.reshape(len(few), len(ids), -1)[:, places, ids]


def _place(cells: NDArray[np.float32]) -> str:
    if cells.max() < _FAINT:
        return ""
    # A neighbourhood, since a single cell may be an accident; beyond the photo there is nothing.
    near = gaussian_filter(cells, 1, mode="constant")
    row, column = (int(each) for each in np.unravel_index(near.argmax(), near.shape))
    height, width = cells.shape
    words = (_ROWS[_third(row, height)], _COLUMNS[_third(column, width)])
    return " ".join(word for word in words if word) or _MIDDLE


def _third(index: int, several: int) -> int:
    """Returns in which third of a side the centre of one of several cells lies."""
    return 3 * (2 * index + 1) // (2 * several)
