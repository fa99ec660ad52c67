"""Data-parallel training by several processes, each of which handles a part of every batch.

All workers hold the same weights and read the same batches. Each computes the gradients of its own
captions. Before each update, a ring all-reduce (Patarasuk and Yuan, 2009) sums the dense gradients,
and a ring all-gather concatenates the rows of the sparse ones. So training does not depend on the
number of workers, apart from dropout and rounding.
"""

import json
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from components.errors import SettingError

#: TensorFlow's description of a cluster: addresses of the workers, and the index of this one.
CLUSTER_VARIABLE = "TF_CONFIG"

# Identify our groups of workers among TensorFlow's collective operations; any numbers will do. Sums
# and gathers have a group each, so that their instance keys can't clash.
_SUMS, _GATHERS = 1, 2


@dataclass(frozen=True)
class Workers:
    """The workers of a training run, and the rank of this one.

    Attributes:
        rank: Number of this worker, from 0.
        count: Number of workers.
    """

    rank: int = 0
    count: int = 1

    @property
    def is_chief(self) -> bool:
        """Whether this worker writes checkpoints, metrics and the model."""
        return self.rank == 0

    def part(self, rows: NDArray[np.intp]) -> NDArray[np.intp]:
        """Returns this worker's part of a batch: every `count`-th caption, possibly none."""
        return rows[self.rank :: self.count]

    def average_gradients(self, optimizer: Any) -> None:
        """Makes an optimizer average the gradients of all workers before each update."""
        if self.count == 1:
            return
        apply = optimizer.apply

        def apply_average(grads: Sequence[Any], trainable_variables: Sequence[Any]) -> None:
            shapes = [tuple(variable.shape) for variable in trainable_variables]
            apply(self._average(grads, shapes), trainable_variables)

        optimizer.apply = apply_average

    def sum(self, values: Sequence[Any]) -> list[np.ndarray]:
        """Returns the sum over all workers of each of some float arrays.

        Raises:
            tf.errors.OpError: If another worker has ended.
        """
        arrays = [np.asarray(value, np.float32) for value in values]
        if self.count == 1 or not arrays:
            return arrays
        flat = np.concatenate([array.ravel() for array in arrays])
        total = self._all_reduce(tf.constant(flat), flat.size).numpy()
        ends = np.cumsum([array.size for array in arrays])
        parts = np.split(total, ends[:-1])
        return [part.reshape(array.shape) for part, array in zip(parts, arrays, strict=True)]

    def of_chief(self, value: float) -> float:
        """Returns the chief's value, rounded to float32, so that all workers decide the same.

        Raises:
            tf.errors.OpError: If another worker has ended.
        """
        if self.count == 1:
            return value
        [total] = self.sum([value if self.is_chief else 0.0])
        return float(total)

    def _average(self, gradients: Sequence[Any], shapes: list[tuple[int, ...]]) -> list[Any]:
        averages: dict[int, Any] = {}
        for average, kind in ((self._average_dense, tf.Tensor), (self._gather, tf.IndexedSlices)):
            chosen = [i for i, gradient in enumerate(gradients) if isinstance(gradient, kind)]
            if chosen:
                values = average([gradients[i] for i in chosen], [shapes[i] for i in chosen])
                averages |= zip(chosen, values, strict=True)
        return [averages[i] for i in range(len(gradients))]

    def _average_dense(
        self, gradients: Sequence[tf.Tensor], shapes: list[tuple[int, ...]]
    ) -> list[tf.Tensor]:
        # A single collective operation for all of them.
        flat = tf.concat([tf.reshape(gradient, [-1]) for gradient in gradients], 0)
        sizes = [math.prod(shape) for shape in shapes]
        parts = tf.split(self._all_reduce(flat, sum(sizes)) / self.count, sizes)
        return [tf.reshape(part, shape) for part, shape in zip(parts, shapes, strict=True)]

    def _gather(
        self, gradients: Sequence[tf.IndexedSlices], shapes: list[tuple[int, ...]]
    ) -> list[tf.IndexedSlices]:
        """Returns the gradients of embeddings with the rows of all workers.

        Keras clips and squares each row separately, even if several rows belong to the same word.
        Concatenating the rows of all workers therefore gives the same update as a single worker;
        summing them would not.

        Args:
            gradients: Each has values float32 [R, E] and indices [R]; R is the same for all of
                them, and for all workers.
            shapes: Shapes of the dense gradients, (V, E) each.
        """
        # A single collective operation. float32 holds indices up to 2 ** 24 exactly.
        widths = [width for _, width in shapes]
        columns = [
            tf.reshape(gradient.values, [-1, width])
            for gradient, width in zip(gradients, widths, strict=True)
        ]
        columns += [tf.cast(gradient.indices, tf.float32)[:, None] for gradient in gradients]
        rows = tf.concat(columns, 1)
        gathered = tf.raw_ops.CollectiveGatherV2(
            input=rows,
            group_size=self.count,
            group_key=_GATHERS,
            instance_key=tf.shape(rows)[0],
            ordering_token=[],
            communication_hint="RING",
        )  # [R, sum of E + 1] -> [count * R, sum of E + 1]
        parts = tf.split(gathered, [*widths, *[1] * len(gradients)], axis=1)
        values, indices = parts[: len(gradients)], parts[len(gradients) :]
        return [
            tf.IndexedSlices(
                value / self.count,
                tf.cast(index[:, 0], gradient.indices.dtype),
                tf.constant(shape, gradient.indices.dtype),
            )
            for gradient, value, index, shape in zip(
                gradients, values, indices, shapes, strict=True
            )
        ]

    def _all_reduce(self, values: Any, size: int) -> Any:
        return tf.raw_ops.CollectiveReduceV2(
            input=values,
            group_size=self.count,
            group_key=_SUMS,
            # Operations with the same key must use tensors of the same size.
            instance_key=size,
            ordering_token=[],
            merge_op="Add",
            final_op="Id",
            communication_hint="RING",
        )


#: The only worker.
ALONE = Workers()


def join_workers() -> Workers:
    """Connects to the other workers that `TF_CONFIG` lists, and waits until all have started.

    Must be called before TensorFlow runs anything. Without the variable, this process is the only
    worker.

    Raises:
        SettingError: If the variable does not describe a cluster of workers.
    """
    text = os.environ.get(CLUSTER_VARIABLE)
    if not text:
        return ALONE
    try:
        config = json.loads(text)
        count, rank = len(config["cluster"]["worker"]), int(config["task"]["index"])
    except (ValueError, LookupError, TypeError) as error:
        raise SettingError(
            f"{CLUSTER_VARIABLE} must be a JSON object with cluster.worker, a list of addresses, "
            f"and task.index. Received: {text!r}"
        ) from error
    if not 0 <= rank < count:
        raise SettingError(
            f"task.index in {CLUSTER_VARIABLE} must be from 0 to {count - 1}, for {count} workers. "
            f"Received: {rank}"
        )
    if count > 1:
        # Not used as a strategy, which Keras 3 does not support: it starts the servers through
        # which collective operations communicate, and ends them if a worker no longer responds.
        tf.distribute.MultiWorkerMirroredStrategy()
    return Workers(rank, count)
