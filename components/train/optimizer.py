"""The optimizer: AdamW (Loshchilov and Hutter, 2019, arXiv:1711.05101)."""

import keras

from components.settings.train import TrainSettings

# Final learning rate of the cosine schedule, relative to its peak.
_COSINE_FLOOR = 0.02


def make_optimizer(settings: TrainSettings, *, steps: int) -> keras.optimizers.Optimizer:
    """Returns the optimizer for a training.

    Args:
        settings: Learning rate and schedule, weight decay and clipping.
        steps: Training steps in total, over which the learning rate falls.
    """
    rate: float | keras.optimizers.schedules.LearningRateSchedule = settings.learning_rate
    if settings.schedule == "cosine":
        rate = keras.optimizers.schedules.CosineDecay(
            settings.learning_rate, decay_steps=steps, alpha=_COSINE_FLOOR
        )
    return keras.optimizers.AdamW(
        rate,
        weight_decay=settings.weight_decay,
        global_clipnorm=settings.clip_norm or None,
    )
