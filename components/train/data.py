"""Training batches: captions with their photos' features."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from components.artifacts.examples import Examples
from components.captioning.model.vocabulary import END, PAD, START

Batch = tuple[dict[str, np.ndarray], np.ndarray]

# Bucketing: captions are shuffled, cut into buckets of this many batches, and sorted by length
# inside each bucket. The captions of a batch then have similar lengths, so there is little padding,
# and the order still differs from epoch to epoch.
_BATCHES_PER_BUCKET = 32


class CaptionBatches:
    """All captions of a split, once per epoch, in an order determined by seed and epoch.

    Because the order depends on nothing else, training resumed at epoch n gets the same batches as
    uninterrupted training.

    Args:
        examples: The split.
        batch_size: Captions per batch; the last batch may be smaller.
        max_words: Longer captions are truncated to this many words.
        seed: Seed of the order; None sorts the captions by length.
    """

    def __init__(
        self, examples: Examples, *, batch_size: int, max_words: int, seed: int | None = None
    ) -> None:
        self._batch_size = batch_size
        self._seed = seed
        self._epoch = 0
        self._features = examples.features  # float16 [N, D]
        captions = [
            (photo, ids[:max_words])
            for photo, all_ids in enumerate(examples.tokens)
            for ids in all_ids
        ]
        self._photos = np.array([photo for photo, _ in captions], np.int32)  # [M]
        self._lengths = np.array([len(ids) for _, ids in captions], np.int32)  # [M]
        # START before the first word, END after the last.
        self._sequences = np.full((len(captions), max_words + 2), PAD, np.int32)  # [M, T + 1]
        for row, (_, ids) in zip(self._sequences, captions, strict=True):
            row[: len(ids) + 2] = (START, *ids, END)

    @property
    def captions(self) -> int:
        """Number of captions per epoch."""
        return len(self._photos)

    @property
    def steps(self) -> int:
        """Number of batches per epoch."""
        return math.ceil(self.captions / self._batch_size)

    def start_at(self, epoch: int) -> None:
        """Sets the next epoch, counted from 0."""
        self._epoch = epoch

    def dataset(self) -> tf.data.Dataset:
        """Returns the batches as a dataset; each iteration over it is the next epoch.

        Returns:
            Elements `({"features": float16 [B, D], "tokens": int32 [B, T]}, targets int32 [B, T])`,
            where T is the length of the batch's longest caption plus one special token.
        """
        tokens = tf.TensorSpec((None, None), tf.int32)
        features = tf.TensorSpec((None, self._features.shape[1]), tf.float16)
        batches = tf.data.Dataset.from_generator(
            self._next_epoch,
            output_signature=({"features": features, "tokens": tokens}, tokens),
        )
        cardinality = tf.data.experimental.assert_cardinality(self.steps)
        return batches.apply(cardinality).prefetch(tf.data.AUTOTUNE)

    def _next_epoch(self) -> Iterator[Batch]:
        epoch, self._epoch = self._epoch, self._epoch + 1
        for rows in self._batch_rows(epoch):
            longest = int(self._lengths[rows].max()) + 2
            sequences = self._sequences[rows, :longest]  # [B, T + 1]
            features = self._features[self._photos[rows]]
            # There is nothing to predict after END, so as an input it is padding.
            tokens = np.where(sequences == END, PAD, sequences)[:, :-1]
            yield {"features": features, "tokens": tokens}, sequences[:, 1:]

    def _batch_rows(self, epoch: int) -> list[Any]:
        """Returns the row indices of each batch of an epoch, in order."""
        if self._seed is None:
            order = np.argsort(self._lengths, kind="stable")
            return [order[i : i + self._batch_size] for i in range(0, len(order), self._batch_size)]
        generator = np.random.default_rng([self._seed, epoch])
        order = generator.permutation(self.captions)
        bucket_size = self._batch_size * _BATCHES_PER_BUCKET
        batches = []
        for start in range(0, len(order), bucket_size):
            rows = order[start : start + bucket_size]
            rows = rows[np.argsort(self._lengths[rows], kind="stable")]
            batches += [
                rows[i : i + self._batch_size] for i in range(0, len(rows), self._batch_size)
            ]
        return [batches[index] for index in generator.permutation(len(batches))]
