"""Batches of captions with their photos' features."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from components.artifacts.examples import Examples
from components.captioning.model.vocabulary import END, PAD, START

Batch = tuple[dict[str, np.ndarray], np.ndarray]

# Batches are cut from runs of this many, sorted by length: captions of a batch are then about
# equally long, little of it is padding, and the order is still random from epoch to epoch.
_BATCHES_SORTED_TOGETHER = 32


class CaptionBatches:
    """All captions of a split, each once an epoch, in an order fixed by seed and epoch.

    Because the order depends on nothing else, a training that resumes at epoch n sees the
    batches that an unbroken one sees from there on.

    Args:
        examples: The split.
        batch_size: Captions a batch; the last one cut may be smaller.
        max_words: Longer captions are cut there.
        seed: Fixes the order; None keeps the captions in the order of their length.
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
        self._marked = np.full((len(captions), max_words + 2), PAD, np.int32)  # [M, T + 1]
        for row, (_, ids) in zip(self._marked, captions, strict=True):
            row[: len(ids) + 2] = (START, *ids, END)

    @property
    def captions(self) -> int:
        """The number of captions an epoch."""
        return len(self._photos)

    @property
    def steps(self) -> int:
        """The number of batches an epoch."""
        return math.ceil(self.captions / self._batch_size)

    def begin_at(self, epoch: int) -> None:
        """Makes the next epoch that one, counted from 0."""
        self._epoch = epoch

    def dataset(self) -> tf.data.Dataset:
        """Returns the batches as a data set; each pass over it is the next epoch.

        Returns:
            Elements `({"features": float16 [B, D], "words": int32 [B, T]}, targets int32 [B, T])`
            with each batch's own T: its longest caption and one mark.
        """
        words = tf.TensorSpec((None, None), tf.int32)
        features = tf.TensorSpec((None, self._features.shape[1]), tf.float16)
        batches = tf.data.Dataset.from_generator(
            self._next_epoch,
            output_signature=({"features": features, "words": words}, words),
        )
        cardinality = tf.data.experimental.assert_cardinality(self.steps)
        return batches.apply(cardinality).prefetch(tf.data.AUTOTUNE)

    def _next_epoch(self) -> Iterator[Batch]:
        epoch, self._epoch = self._epoch, self._epoch + 1
        for rows in self._cut(epoch):
            longest = int(self._lengths[rows].max()) + 2
            marked = self._marked[rows, :longest]  # [B, T + 1]
            features = self._features[self._photos[rows]]
            # After END nothing is to be told: as an input it is padding.
            words = np.where(marked == END, PAD, marked)[:, :-1]
            yield {"features": features, "words": words}, marked[:, 1:]

    def _cut(self, epoch: int) -> list[Any]:
        # The rows of each batch of an epoch, in order.
        if self._seed is None:
            order = np.argsort(self._lengths, kind="stable")
            return [order[i : i + self._batch_size] for i in range(0, len(order), self._batch_size)]
        generator = np.random.default_rng([self._seed, epoch])
        order = generator.permutation(self.captions)
        run = self._batch_size * _BATCHES_SORTED_TOGETHER
        batches = []
        for begin in range(0, len(order), run):
            rows = order[begin : begin + run]
            rows = rows[np.argsort(self._lengths[rows], kind="stable")]
            batches += [
                rows[i : i + self._batch_size] for i in range(0, len(rows), self._batch_size)
            ]
        return [batches[index] for index in generator.permutation(len(batches))]
