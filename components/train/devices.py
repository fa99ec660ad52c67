"""Training on whatever TensorFlow sees: the CPU, one GPU, or several side by side."""

import keras
import tensorflow as tf

from components.captioning.encoder.precision import has_bfloat16
from components.errors import SettingError


def require_gpus(gpus: int) -> None:
    """Makes sure that the GPUs which were asked for are there: training never falls back quietly.

    Args:
        gpus: How many; 0 asks for none, and takes what there is.

    Raises:
        SettingError: If TensorFlow sees fewer.
    """
    seen = len(tf.config.list_physical_devices("GPU"))
    if seen < gpus:
        raise SettingError(
            f"gpus asks for {gpus}, but TensorFlow sees {seen}: give the step a node with GPUs and "
            "the image that has CUDA (train_image), or set gpus to 0"
        )


def training_strategy() -> tf.distribute.Strategy:
    """Returns TensorFlow's strategy: one replica a GPU if there are several, else the default."""
    if len(tf.config.list_physical_devices("GPU")) > 1:
        return tf.distribute.MirroredStrategy()
    return tf.distribute.get_strategy()


def precision_policy(precision: str) -> str:
    """Returns Keras' dtype policy for the setting `precision`.

    On a GPU mixed is float16: cuDNN's LSTM kernel takes it on every GPU, and Keras scales the loss
    for it. A processor has instructions for bfloat16, or for neither: then `auto` is float32.

    Args:
        precision: `auto`, `float32` or `mixed`. Weights are float32 in any case.
    """
    if tf.config.list_physical_devices("GPU"):
        return "float32" if precision == "float32" else "mixed_float16"
    mixed = precision == "mixed" or (precision == "auto" and has_bfloat16())
    return "mixed_bfloat16" if mixed else "float32"


def make_reproducible(seed: int) -> None:
    """Fixes all seeds and picks deterministic kernels, so that equal runs give equal weights."""
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()
