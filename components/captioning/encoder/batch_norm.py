"""Batch normalization statistics of a network with random weights."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray


def calibrate_batch_norm(
    model: keras.Model,
    preprocess: Callable[[tf.Tensor], tf.Tensor],
    photos: NDArray[np.uint8],
) -> int:
    """Sets the statistics of batch normalization to those of photos, layer by layer.

    Args:
        model: The network, which is changed.
        preprocess: Its preprocessing of a batch of photos.
        photos: uint8 [B, size, size, 3], processed as one batch.

    Returns:
        The number of batch normalization layers; a network with none is not changed.
    """
    norms, drops = (
        [layer for layer in model.layers if isinstance(layer, kind)]
        for kind in (keras.layers.BatchNormalization, keras.layers.Dropout)
    )
    if norms:
        # With momentum 0, the batch statistics of training mode replace the moving averages.
        with _overriding(norms, "momentum", 0.0), _overriding(drops, "rate", 0.0):
            # In a graph, each activation is freed as soon as it has been used.
            tf.function(lambda batch: model(preprocess(batch), training=True))(tf.constant(photos))
    return len(norms)


@contextmanager
def _overriding(layers: list[Any], attribute: str, value: float) -> Iterator[None]:
    """Sets an attribute of layers to another value inside a `with` block."""
    original = [getattr(layer, attribute) for layer in layers]
    for layer in layers:
        setattr(layer, attribute, value)
    try:
        yield
    finally:
        for layer, old in zip(layers, original, strict=True):
            setattr(layer, attribute, old)
