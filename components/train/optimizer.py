"""The optimizer: AdamW (Loshchilov and Hutter, 2019, arXiv:1711.05101), compiled by XLA."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from components.settings.train import TrainSettings

# Final learning rate of the cosine schedule, relative to its peak.
_COSINE_FLOOR = 0.02


class CompiledAdamW(keras.optimizers.AdamW):
    """Keras's AdamW, whose update is one XLA computation.

    Keras clips, decays and updates each variable by a dozen operations, each of which reads and
    writes all weights; XLA fuses them. The numbers are the same up to rounding.
    """

    def apply(self, grads: Sequence[Any], trainable_variables: Sequence[Any] | None = None) -> None:
        """Applies gradients, as in Keras."""
        apply = super().apply
        tf.function(lambda: apply(grads, trainable_variables), jit_compile=True)()


def make_optimizer(
    settings: TrainSettings, *, steps: int, replicas: int
) -> keras.optimizers.Optimizer:
    """Returns the optimizer for a training.

    Args:
        settings: Learning rate and schedule, weight decay and clipping.
        steps: Training steps in total, over which the learning rate falls.
        replicas: Copies of the network trained in parallel. XLA does not compile an update that
            first sums the gradients of several.
    """
    rate: float | keras.optimizers.schedules.LearningRateSchedule = settings.learning_rate
    if settings.schedule == "cosine":
        rate = keras.optimizers.schedules.CosineDecay(
            settings.learning_rate, decay_steps=steps, alpha=_COSINE_FLOOR
        )
    optimizer = CompiledAdamW if replicas == 1 else keras.optimizers.AdamW
    return optimizer(
        rate,
        weight_decay=settings.weight_decay,
        global_clipnorm=settings.clip_norm or None,
    )
