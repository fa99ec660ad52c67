"""The compiled optimizer updates weights as Keras's does."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from components.settings.train import TrainSettings
from components.train.optimizer import CompiledAdamW, make_optimizer

_STEPS = 5


def _settings(**changed: object) -> TrainSettings:
    return TrainSettings.check({"experiment": "test", "learning_rate": 0.1, **changed})


def _train(optimizer: keras.optimizers.Optimizer) -> list[np.ndarray]:
    """Returns the weights after some updates, some of whose gradients are clipped, some sparse."""
    table = keras.Variable(np.arange(8.0).reshape(4, 2), dtype="float32")
    bias = keras.Variable([1.0, -1.0], dtype="float32")
    optimizer.build([table, bias])

    @tf.function
    def update(scale: tf.Tensor) -> None:
        rows = tf.IndexedSlices(scale * [[1.0, 2.0], [3.0, 4.0]], [1, 1], tf.constant([4, 2]))
        optimizer.apply([rows, scale * [0.5, -0.5]], [table, bias])

    for step in range(_STEPS):
        update(tf.constant(10.0**-step))
    return [table.numpy(), bias.numpy(), *(np.asarray(each) for each in optimizer.variables)]


@pytest.mark.parametrize(
    "changed", [{}, {"clip_norm": 0}, {"weight_decay": 0}, {"schedule": "constant"}]
)
def test_compiled_update_equals_keras(changed: dict[str, object]) -> None:
    settings = _settings(**changed)
    ours, keras_own = (
        _train(make_optimizer(settings, steps=_STEPS, replicas=replicas)) for replicas in (1, 2)
    )
    for our, own in zip(ours, keras_own, strict=True):
        np.testing.assert_allclose(our, own, rtol=1e-5, atol=1e-6)


def test_make_optimizer_compiles_for_one_replica_only() -> None:
    one, two = (make_optimizer(_settings(), steps=1, replicas=count) for count in (1, 2))

    assert isinstance(one, CompiledAdamW)
    assert not isinstance(two, CompiledAdamW)


def test_make_optimizer_cosine_falls_to_a_fiftieth() -> None:
    rate = make_optimizer(_settings(), steps=10, replicas=1)._learning_rate

    assert float(rate(0)) == pytest.approx(0.1)
    assert float(rate(5)) == pytest.approx(0.051)  # halfway between 0.1 and 0.002
    assert float(rate(10)) == pytest.approx(0.002)
