"""Training batches: captions with their photos' features, from memory or as a stream."""

import math
from collections.abc import Iterator
from itertools import islice
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from components.artifacts.examples import Examples, ExampleShards
from components.train.captions import Batch, Captions
from components.train.workers import ALONE, Workers

#: A split in memory, or on disk.
Split = Examples | ExampleShards

# Bucketing: captions are shuffled, cut into buckets of this many batches, and sorted by length
# inside each bucket. The captions of a batch then have similar lengths, so there is little padding,
# and the order still differs from epoch to epoch.
_BATCHES_PER_BUCKET = 32
#: Number of shards of a stream that are in memory, and shuffled, together: 16,000 photos with 1,280
#: features each take 41 MB, and their captions about as much.
SHARDS_PER_POOL = 16


class CaptionBatches:
    """All captions of a split, once per epoch, in an order determined by seed and epoch.

    Because the order depends on nothing else, training resumed at any step gets the same batches as
    uninterrupted training.

    A split on disk is read pool by pool: in each epoch its shards are shuffled and cut into pools,
    and the captions of a pool are shuffled in memory. Captions left over at the end of a pool,
    fewer than a batch, join the next pool. A split with a single pool has the same batches as in
    memory.

    Args:
        split: The split.
        batch_size: Captions per batch; the last batch may be smaller.
        max_words: Longer captions are truncated to this many words.
        seed: Seed of the order; None takes the shards in order, and sorts the captions of a pool by
            length.
        workers: The workers among which each batch is divided.
    """

    def __init__(
        self,
        split: Split,
        *,
        batch_size: int,
        max_words: int,
        seed: int | None = None,
        workers: Workers = ALONE,
    ) -> None:
        self._split = split
        self._workers = workers
        self._batch_size = batch_size
        self._max_words = max_words
        self._seed = seed
        self._epoch, self._step = 0, 0
        self._in_memory = Captions.of(split, max_words) if isinstance(split, Examples) else None

    @property
    def captions(self) -> int:
        """Number of captions per epoch."""
        return self._split.captions

    @property
    def steps(self) -> int:
        """Number of batches per epoch."""
        return math.ceil(self.captions / self._batch_size)

    def start_at(self, epoch: int, step: int = 0) -> None:
        """Sets the epoch that is read next, and its first batch, both counted from 0."""
        self._epoch, self._step = epoch, step

    def dataset(self) -> tf.data.Dataset:
        """Returns the batches of the epoch that `start_at` last set before an iteration begins.

        Returns:
            Elements `({"features": float16 [B, D], "tokens": int32 [B, T]}, targets int32 [B, T])`,
            where T is the length of the batch's longest caption plus one special token. With
            several workers, they are this worker's part of the batch, padded so that all parts
            have the same shapes, and a third tensor, float32 [1, 1], is the weight that makes the
            mean of the workers' losses the mean over all words of the batch.
        """
        tokens = tf.TensorSpec((None, None), tf.int32)
        features = tf.TensorSpec((None, self._split.width), tf.float16)
        signature: tuple[Any, ...] = ({"features": features, "tokens": tokens}, tokens)
        if self._workers.count > 1:
            signature = (*signature, tf.TensorSpec((1, 1), tf.float32))
        batches = tf.data.Dataset.from_generator(self._epoch_batches, output_signature=signature)
        cardinality = tf.data.experimental.assert_cardinality(self.steps - self._step)
        return batches.apply(cardinality).prefetch(tf.data.AUTOTUNE)

    def _epoch_batches(self) -> Iterator[Batch]:
        workers = self._workers
        for captions, rows in islice(self._batch_rows(self._epoch), self._step, None):
            if workers.count == 1:
                yield captions.batch(rows)
                continue
            own = workers.part(rows)
            part = captions.part_of_batch(own, rows, math.ceil(len(rows) / workers.count))
            # Each caption has one more target than words, END.
            words = (captions.lengths[own] + 1).sum() / (captions.lengths[rows] + 1).sum()
            yield (*part, np.full((1, 1), workers.count * words, np.float32))

    def _batch_rows(self, epoch: int) -> Iterator[tuple[Captions, NDArray[np.intp]]]:
        """Yields the row indices of each batch of an epoch, and the captions that they refer to."""
        generator = None if self._seed is None else np.random.default_rng([self._seed, epoch])
        rest: Captions | None = None
        for captions, is_last in self._pools(epoch):
            captions = captions if rest is None else rest.followed_by(captions)
            if generator is None:
                order = np.argsort(captions.lengths, kind="stable")
            else:
                order = generator.permutation(len(captions))
            kept = 0 if is_last else len(order) % self._batch_size
            order, rest = order[: len(order) - kept], captions.select(order[len(order) - kept :])
            for rows in self._cut(order, captions.lengths, generator):
                yield captions, rows

    def _pools(self, epoch: int) -> Iterator[tuple[Captions, bool]]:
        """Yields the captions of each pool, and whether it is the last."""
        if isinstance(self._split, ExampleShards):
            yield from self._read_pools(self._split, epoch)
        elif self._in_memory is not None:
            yield self._in_memory, True

    def _read_pools(self, shards: ExampleShards, epoch: int) -> Iterator[tuple[Captions, bool]]:
        paths = shards.paths
        if self._seed is not None:
            # Not the generator of the captions, so that their order is the same as in memory. (The
            # 1 at the end is needed because seed sequences ignore trailing zeros.)
            order = np.random.default_rng([self._seed, epoch, 1]).permutation(len(paths))
            paths = [paths[index] for index in order]
        for start in range(0, len(paths), SHARDS_PER_POOL):
            end = start + SHARDS_PER_POOL
            examples = shards.read(paths[start:end])
            yield Captions.of(examples, self._max_words), end >= len(paths)

    def _cut(
        self,
        order: NDArray[np.intp],
        lengths: NDArray[np.int32],
        generator: np.random.Generator | None,
    ) -> list[NDArray[np.intp]]:
        """Cuts an order into batches of captions of similar lengths, and shuffles these."""
        size = self._batch_size
        if generator is None:
            return [order[i : i + size] for i in range(0, len(order), size)]
        batches = []
        for start in range(0, len(order), size * _BATCHES_PER_BUCKET):
            rows = order[start : start + size * _BATCHES_PER_BUCKET]
            rows = rows[np.argsort(lengths[rows], kind="stable")]
            batches += [rows[i : i + size] for i in range(0, len(rows), size)]
        return [batches[index] for index in generator.permutation(len(batches))]
