"""Where the network looked: what each part of a photo does for each word of its caption.

An encoder's feature is the mean over the cells of its last map, 8 x 8 of InceptionV3, and each cell
is of another part of the photo. Leave one out, and see how much less sure the network becomes of a
word: that is what the cell does for the word (occlusion, Zeiler and Fergus, 2014, arXiv:1311.2901,
done to features instead of pixels; to first order the class activation map of Zhou et al., 2016,
arXiv:1512.04150). It asks the network itself, whatever its decoder.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from keras import ops
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from components.captioning.network import CaptionNetwork, together
from components.captioning.vocabulary import START

_ROWS = ("upper", "", "lower")
_COLUMNS = ("left", "", "right")
_MIDDLE = "middle"
# Below this weight a word comes from the words before it, not from a place.
_FAINT = 0.15


class Look(NamedTuple):
    """Where the network looked for a word.

    Attributes:
        word: As in the caption.
        cells: float32 [H, W], how much each part of the photo speaks for the word: 1 is the most
            that any part does for any word of the caption, 0 nothing or against it.
        place: Where that is the most, in words, such as "upper left"; empty if no part does much.
    """

    word: str
    cells: NDArray[np.float32]
    place: str


def look(
    network: CaptionNetwork, cells: NDArray[np.float32], caption: str, ids: Sequence[int]
) -> list[Look]:
    """Returns where the network looked, word by word.

    Args:
        network: Trained.
        cells: float32 [H, W, D], the encoder's last map of one photo.
        caption: Normalised.
        ids: Of its words.
    """
    height, width, depth = cells.shape
    # [H, W, D] -> [H * W, D], and [T, H * W] -> [T, H, W]
    weights = word_weights(network, cells.reshape(-1, depth), ids).reshape(-1, height, width)
    shares = np.maximum(weights, 0)
    shares /= max(float(shares.max(initial=0)), np.finfo(np.float32).tiny)
    return [
        Look(word, each, _place(each)) for word, each in zip(caption.split(), shares, strict=True)
    ]


def word_weights(
    network: CaptionNetwork, cells: NDArray[np.float32], words: Sequence[int]
) -> NDArray[np.float32]:
    """Returns how much each cell does for each word, in nats.

    Args:
        network: Trained.
        cells: float32 [C, D], of one photo; their mean is its feature.
        words: T ids, a caption without marks.

    Returns:
        float32 [T, C]: the word's log-probability, less what it is without the cell. Negative
        where the cell speaks against the word.
    """
    several = len(cells)
    without = (cells.sum(axis=0) - cells) / (several - 1)  # [C, D]
    seen = np.concatenate([cells.mean(axis=0, keepdims=True), without])  # [1 + C, D]
    said = np.tile(np.array([START, *words[:-1]], np.int32), (len(seen), 1))  # [1 + C, T]
    logits = network({"features": seen, "words": said})  # [(1 + C) * T, M, V]
    log_probabilities = ops.convert_to_numpy(ops.log_softmax(together(logits)))
    # [(1 + C) * T, V] -> [1 + C, T, V] -> [1 + C, T]
    each = log_probabilities.reshape(len(seen), len(words), -1)[:, np.arange(len(words)), words]
    return np.asarray((each[0] - each[1:]).T, np.float32)


def _place(cells: NDArray[np.float32]) -> str:
    if cells.max() < _FAINT:
        return ""
    # A neighbourhood, since a single cell may be an accident.
    row, column = np.unravel_index(gaussian_filter(cells, 1, mode="nearest").argmax(), cells.shape)
    height, width = cells.shape
    words = (_ROWS[3 * int(row) // height], _COLUMNS[3 * int(column) // width])
    return " ".join(word for word in words if word) or _MIDDLE
