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
# Different for each output and final state.
WEIGHTINGS = [_random(3, 4, 5), _random(3, 5), _random(3, 5)]


def _outputs_and_gradients(layer: Any) -> list[Any]:
    """Returns outputs, final states and the gradients of their weighted sum."""
    inputs = [SEQUENCES, HIDDEN, CELL]
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        outputs = layer(SEQUENCES, initial_state=[HIDDEN, CELL])
        total = sum(
            tf.reduce_sum(weighting * output)
            for weighting, output in zip(WEIGHTINGS, outputs, strict=True)
        )
    weights = [variable.value for variable in layer.trainable_variables]
    return [*outputs, *tape.gradient(total, [*inputs, *weights])]


@pytest.mark.parametrize("compiled", [False, True])
def test_cpu_lstm_agrees_with_keras_including_gradients(compiled: bool) -> None:
    results = []
    for kind in (keras.layers.LSTM, CpuLSTM):
        layer = kind(5, return_sequences=True, return_state=True)
        layer(SEQUENCES)
        layer.set_weights(WEIGHTS)
        run = tf.function(_outputs_and_gradients) if compiled else _outputs_and_gradients
        results.append(run(layer))
    for expected, actual in zip(*results, strict=True):
        np.testing.assert_allclose(actual, expected, atol=1e-5)


def test_cpu_lstm_with_a_mask_agrees_with_keras() -> None:
    keras_lstm, cpu_lstm = keras.layers.LSTM(5), CpuLSTM(5)
    for layer in (keras_lstm, cpu_lstm):
        layer(SEQUENCES)
        layer.set_weights(WEIGHTS)
    mask = tf.constant([[True] * 4, [True, True, False, False], [True] * 4])
    expected = keras_lstm(SEQUENCES, mask=mask)
    np.testing.assert_allclose(cpu_lstm(SEQUENCES, mask=mask), expected, atol=1e-6)
