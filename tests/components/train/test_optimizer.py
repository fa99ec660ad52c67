import keras
import numpy as np
import pytest
import tensorflow as tf

from components.settings.train import TrainSettings
from components.train.optimizer import FusedAdamW, make_optimizer


def test_make_optimizer_cosine_falls_to_a_fiftieth() -> None:
    settings = TrainSettings.check({"experiment": "test", "learning_rate": 0.1})
    rate = make_optimizer(settings, steps=10)._learning_rate

    assert float(rate(0)) == pytest.approx(0.1)
    assert float(rate(5)) == pytest.approx(0.051)  # halfway between 0.1 and 0.002
    assert float(rate(10)) == pytest.approx(0.002)


def test_fused_adamw_first_step_is_the_learning_rate_after_decay() -> None:
    weights = keras.Variable([2.0, -4.0])
    FusedAdamW(0.1, weight_decay=0.5).apply([tf.constant([3.0, 0.7])], [weights])

    # Decay: 2 - 0.1 * 0.5 * 2 and -4 + 0.1 * 0.5 * 4. Adam's first step is the sign times the rate.
    np.testing.assert_allclose(weights, [1.9 - 0.1, -3.8 - 0.1], rtol=1e-6)


def test_fused_adamw_equals_kerass_for_dense_and_sparse_gradients() -> None:
    def train(kind: type[keras.optimizers.AdamW]) -> list[np.ndarray]:
        variables = [
            keras.Variable(np.full((4, 3), 0.5), dtype="float32"),
            keras.Variable(np.full((4, 3), -0.5), dtype="float32"),
        ]
        optimizer = kind(0.01, weight_decay=0.1, global_clipnorm=1.0)
        optimizer.build(variables)
        draw = np.random.default_rng(0)

        @tf.function
        def step(dense: tf.Tensor, rows: tf.Tensor) -> None:
            slices = tf.IndexedSlices(rows, tf.constant([2, 0, 2]), tf.constant([4, 3]))
            optimizer.apply([dense, slices], variables)

        for _ in range(5):
            step(*(tf.constant(draw.normal(size=(n, 3)), tf.float32) for n in (4, 3)))
        return [np.asarray(variable) for variable in (*variables, *optimizer.variables)]

    for ours, keras_own in zip(train(FusedAdamW), train(keras.optimizers.AdamW), strict=True):
        np.testing.assert_allclose(ours, keras_own, rtol=1e-5, atol=1e-7)
