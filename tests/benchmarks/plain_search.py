"""Beam search that does more than it must: the baselines of `search.py`."""

from typing import Any

import numpy as np
import tensorflow as tf
from keras import ops
from numpy.typing import NDArray

from components.captioning.model.vocabulary import END, PAD, START, UNK

_NEVER = -1.0e9


class PlainSearch:
    """Beam search that computes all K partial captions of a photo until the batch is done.

    Args:
        network: With `start` and `step`.
        width: K.
        max_words: Longest caption.
        carry: Whether the state is carried; if not, each word begins from the first again.
        batch_size: Photos searched side by side.
    """

    def __init__(
        self, network: Any, width: int, max_words: int, *, carry: bool, batch_size: int = 256
    ) -> None:
        self._network, self._width, self._longest = network, width, max_words + 1
        self._carry, self._batch_size = carry, batch_size
        self._vocabulary_size = network.config.vocabulary_size
        self._never = np.zeros(self._vocabulary_size, np.float32)
        self._never[[PAD, START, UNK]] = _NEVER
        self._stay = np.where(np.arange(self._vocabulary_size) == PAD, 0.0, _NEVER)
        self._last = np.where(np.arange(self._vocabulary_size) == END, 0.0, _NEVER)
        self._further = tf.function(network.step, reduce_retracing=True)
        self._choose = tf.function(self._best, reduce_retracing=True)

    def __call__(self, features: NDArray[np.float32], length_penalty: float) -> NDArray[np.int32]:
        """Returns each photo's words, `END`, then `PAD`: int32 [N, max_words + 1]."""
        cuts = range(0, len(features), self._batch_size)
        return np.concatenate(
            [self._search(features[cut : cut + self._batch_size], length_penalty) for cut in cuts]
        )

    def _search(self, features: NDArray[np.float32], length_penalty: float) -> NDArray[np.int32]:
        batch, width = len(features), self._width
        first = tuple(ops.repeat(part, width, axis=0) for part in self._network.start(features))
        words = np.full((batch * width, self._longest + 1), PAD, np.int32)
        words[:, 0] = START
        totals = np.tile(np.float32([0.0] + [_NEVER] * (width - 1)), batch)  # [B * K]
        ended, state = np.zeros(batch * width, bool), first
        for place in range(self._longest):
            if not self._carry:
                state = first
            for known in range(place if self._carry else 0, place + 1):
                logits, state = self._further(tf.constant(words[:, known]), state)
            final = self._last if place == self._longest - 1 else 0 * self._last
            totals, best = self._choose(
                logits, tf.constant(totals), tf.constant(ended), tf.constant(final, tf.float32)
            )
            origins, chosen = np.divmod(best.numpy(), self._vocabulary_size)  # [B, K] each
            rows = (origins + width * np.arange(batch)[:, np.newaxis]).ravel()  # [B * K]
            totals, words = totals.numpy().ravel(), words[rows]
            words[:, place + 1] = chosen.ravel()
            ended = ended[rows] | (words[:, place + 1] == END)
            state = tuple(tf.gather(part, rows) for part in state)
            if ended.all():
                break
        words = words[:, 1:]
        scores = totals / (words != PAD).sum(axis=1) ** length_penalty
        best_places = scores.reshape(batch, width).argmax(axis=1)
        return words.reshape(batch, width, -1)[np.arange(batch), best_places]

    def _best(self, logits: Any, totals: Any, ended: Any, final: Any) -> tuple[Any, Any]:
        scores = tf.nn.log_softmax(logits) + self._never + final
        scores = tf.where(ended[:, tf.newaxis], tf.cast(self._stay, tf.float32), scores)
        candidates = totals[:, tf.newaxis] + scores  # [B * K, V]
        candidates = tf.reshape(candidates, (-1, self._width * self._vocabulary_size))
        return tf.math.top_k(candidates, self._width)  # [B, K] each
