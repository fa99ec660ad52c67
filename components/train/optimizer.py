"""The optimizer: AdamW (Loshchilov and Hutter, 2019, arXiv:1711.05101)."""

from typing import Any

import keras
import tensorflow as tf

from components.settings.train import TrainSettings

# Final learning rate of the cosine schedule, relative to its peak.
_COSINE_FLOOR = 0.02


def make_optimizer(settings: TrainSettings, *, steps: int) -> keras.optimizers.Optimizer:
    """Returns the optimizer for a training run.

    Args:
        settings: Learning rate and schedule, weight decay and clipping.
        steps: Total number of training steps, over which the learning rate falls.
    """
    rate: float | keras.optimizers.schedules.LearningRateSchedule = settings.learning_rate
    if settings.schedule == "cosine":
        rate = keras.optimizers.schedules.CosineDecay(
            settings.learning_rate, decay_steps=steps, alpha=_COSINE_FLOOR
        )
    return FusedAdamW(
        rate,
        weight_decay=settings.weight_decay,
        global_clipnorm=settings.clip_norm or None,
    )


class FusedAdamW(keras.optimizers.AdamW):
    """Keras's AdamW in half the time, with the same results apart from rounding.

    Keras updates an array by a dozen operations, each of which reads and writes all of it.
    TensorFlow's own kernel reads and writes it once.
    """

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Updates a variable and its two moments.

        Args:
            gradient: A tensor, or `IndexedSlices`, which are left to Keras because the kernel does
                not support them.
            variable: The TensorFlow variable.
            learning_rate: The learning rate of this step.
        """
        if isinstance(gradient, tf.IndexedSlices):
            super().update_step(gradient, variable, learning_rate)
            return
        index = self._get_variable_index(variable)
        step = tf.cast(self.iterations + 1, variable.dtype)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._momentums[index].value.handle,
            v=self._velocities[index].value.handle,
            beta1_power=self.beta_1**step,
            beta2_power=self.beta_2**step,
            lr=tf.cast(learning_rate, variable.dtype),
            beta1=self.beta_1,
            beta2=self.beta_2,
            epsilon=self.epsilon,
            grad=tf.cast(gradient, variable.dtype),
        )
