"""Compiles a network to a graph with constant weights, and runs it in batches of one size."""

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from components.captioning.encoder.precision import Precision, computing_in

Compiled = Callable[[tf.Tensor], tf.Tensor]


def compile_model(
    model: keras.Model, preprocess: Compiled, shape: tuple[int, ...], precision: Precision
) -> Compiled:
    """Compiles a network and its preprocessing for batches of one shape.

    Args:
        model: The network; later changes to its weights have no effect.
        preprocess: Its preprocessing of a batch of photos.
        shape: Shape of the batches, which are uint8.
        precision: Computation dtype.
    """
    trainable, non_trainable = (
        [variable.numpy() for variable in variables]
        for variables in (model.trainable_variables, model.non_trainable_variables)
    )

    def forward(photos: tf.Tensor) -> tf.Tensor:
        # With constant weights, TensorFlow folds batch normalization into the convolutions.
        constants = (
            [tf.constant(value) for value in values] for values in (trainable, non_trainable)
        )
        features, _ = model.stateless_call(*constants, preprocess(photos), training=False)
        return features

    graph = tf.function(forward).get_concrete_function(tf.TensorSpec(shape, tf.uint8))

    def compiled(photos: tf.Tensor) -> tf.Tensor:
        with computing_in(precision):
            return graph(photos)

    return compiled


def compute_in_batches(
    compiled: Compiled, photos: NDArray[np.uint8], shape: tuple[int, ...], batch_size: int
) -> NDArray[np.float32]:
    """Runs a network on photos in batches of one size; pads the last one with black images.

    Args:
        compiled: From `compile_model`.
        photos: uint8 [B, size, size, 3], any number of them.
        shape: Shape of the output for one photo.
        batch_size: Photos per batch.

    Returns:
        float32 [B, *shape].
    """
    computed = np.empty((len(photos), *shape), np.float32)
    for start in range(0, len(photos), batch_size):
        batch = photos[start : start + batch_size]
        if missing := batch_size - len(batch):
            # All batches have the same shape, so that nothing is compiled twice.
            batch = np.pad(batch, ((0, missing), (0, 0), (0, 0), (0, 0)))
        computed[start : start + batch_size] = compiled(tf.constant(batch)).numpy()[
            : batch_size - missing
        ]
    return computed
