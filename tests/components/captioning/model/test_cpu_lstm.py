from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from components.captioning.model.cpu_lstm import CpuLSTM

_RANDOM = np.random.default_rng(0)


def _random(*shape: int) -> tf.Tensor:
    return tf.constant(_RANDOM.normal(size=shape), tf.float32)


SEQUENCES, HIDDEN, CELL = _random(3, 4, 2), _random(3, 5), _random(3, 5)
WEIGHTS = [_random(2, 20), _random(5, 20), _random(20)]
# So that each output and the last states weigh differently.
SHARES = [_random(3, 4, 5), _random(3, 5), _random(3, 5)]


def _outputs_and_gradients(layer: Any) -> list[Any]:
    """Returns outputs, last states and the gradients of their weighted sum."""
    given = [SEQUENCES, HIDDEN, CELL]
    with tf.GradientTape() as tape:
        tape.watch(given)
        outputs = layer(SEQUENCES, initial_state=[HIDDEN, CELL])
        total = sum(
            tf.reduce_sum(share * output) for share, output in zip(SHARES, outputs, strict=True)
        )
    weights = [variable.value for variable in layer.trainable_variables]
    return [*outputs, *tape.gradient(total, [*given, *weights])]


@pytest.mark.parametrize("compiled", [False, True])
def test_column_lstm_is_kerass_with_its_gradients(compiled: bool) -> None:
    found = []
    for kind in (keras.layers.LSTM, CpuLSTM):
        layer = kind(5, return_sequences=True, return_state=True)
        layer(SEQUENCES)
        layer.set_weights(WEIGHTS)
        run = tf.function(_outputs_and_gradients) if compiled else _outputs_and_gradients
        found.append(run(layer))
    for theirs, ours in zip(*found, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_column_lstm_of_a_mask_is_kerass() -> None:
    theirs, ours = keras.layers.LSTM(5), CpuLSTM(5)
    for layer in (theirs, ours):
        layer(SEQUENCES)
        layer.set_weights(WEIGHTS)
    mask = tf.constant([[True] * 4, [True, True, False, False], [True] * 4])
    np.testing.assert_allclose(ours(SEQUENCES, mask=mask), theirs(SEQUENCES, mask=mask), atol=1e-6)
