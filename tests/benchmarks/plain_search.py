"""Unoptimized beam searches: the baselines of `search.py`."""

from typing import Any

import numpy as np
import tensorflow as tf
from keras import ops
from numpy.typing import NDArray

from components.captioning.model.vocabulary import END, PAD, START, UNK

_MASKED = -1.0e9


class PlainSearch:
    """Beam search that computes all K hypotheses of a photo until the whole batch has finished.

    Args:
        network: Has `start` and `step`.
        width: K.
        max_words: Maximum caption length.
        carry: Whether to carry the state; if not, every step starts again from the first word.
        batch_size: Photos per batch.
    """

    def __init__(
        self, network: Any, width: int, max_words: int, *, carry: bool, batch_size: int = 256
    ) -> None:
        self._network, self._width, self._longest = network, width, max_words + 1
        self._carry, self._batch_size = carry, batch_size
        self._vocabulary_size = network.config.vocabulary_size
        self._mask = np.zeros(self._vocabulary_size, np.float32)
        self._mask[[PAD, START, UNK]] = _MASKED
        self._only_pad = np.where(np.arange(self._vocabulary_size) == PAD, 0.0, _MASKED)
        self._only_end = np.where(np.arange(self._vocabulary_size) == END, 0.0, _MASKED)
        self._step = tf.function(network.step, reduce_retracing=True)
        self._select = tf.function(self._best, reduce_retracing=True)

    def __call__(self, features: NDArray[np.float32], length_penalty: float) -> NDArray[np.int32]:
        """Returns each photo's tokens, `END`, then `PAD`: int32 [N, max_words + 1]."""
        starts = range(0, len(features), self._batch_size)
        return np.concatenate(
            [
                self._search(features[start : start + self._batch_size], length_penalty)
                for start in starts
            ]
        )

    def _search(self, features: NDArray[np.float32], length_penalty: float) -> NDArray[np.int32]:
        batch, width = len(features), self._width
        initial = tuple(ops.repeat(part, width, axis=0) for part in self._network.start(features))
        tokens = np.full((batch * width, self._longest + 1), PAD, np.int32)
        tokens[:, 0] = START
        totals = np.tile(np.float32([0.0] + [_MASKED] * (width - 1)), batch)  # [B * K]
        finished, state = np.zeros(batch * width, bool), initial
        for position in range(self._longest):
            if not self._carry:
                state = initial
            for step in range(position if self._carry else 0, position + 1):
                logits, state = self._step(tf.constant(tokens[:, step]), state)
            final = self._only_end if position == self._longest - 1 else 0 * self._only_end
            totals, best = self._select(
                logits, tf.constant(totals), tf.constant(finished), tf.constant(final, tf.float32)
            )
            parents, appended = np.divmod(best.numpy(), self._vocabulary_size)  # [B, K] each
            rows = (parents + width * np.arange(batch)[:, np.newaxis]).ravel()  # [B * K]
            totals, tokens = totals.numpy().ravel(), tokens[rows]
            tokens[:, position + 1] = appended.ravel()
            finished = finished[rows] | (tokens[:, position + 1] == END)
            state = tuple(tf.gather(part, rows) for part in state)
            if finished.all():
                break
        tokens = tokens[:, 1:]
        scores = totals / (tokens != PAD).sum(axis=1) ** length_penalty
        best_slots = scores.reshape(batch, width).argmax(axis=1)
        return tokens.reshape(batch, width, -1)[np.arange(batch), best_slots]

    def _best(self, logits: Any, totals: Any, finished: Any, final: Any) -> tuple[Any, Any]:
        scores = tf.nn.log_softmax(logits) + self._mask + final
        scores = tf.where(finished[:, tf.newaxis], tf.cast(self._only_pad, tf.float32), scores)
        candidates = totals[:, tf.newaxis] + scores  # [B * K, V]
        candidates = tf.reshape(candidates, (-1, self._width * self._vocabulary_size))
        return tf.math.top_k(candidates, self._width)  # [B, K] each
