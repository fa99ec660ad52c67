"""Training devices: the CPU, one GPU, or several GPUs in parallel."""

import keras
import tensorflow as tf

from components.captioning.encoder.precision import has_bfloat16
from components.errors import SettingError


def require_gpus(gpus: int, *, setting: str = "gpus", image: str = "train_image") -> None:
    """Checks that the requested GPUs are available: training never silently falls back to the CPU.

    Args:
        gpus: Number of GPUs; 0 requires none; any that are available are used.
        setting: The setting with this number, for the message.
        image: The setting with this process's container image, for the message.

    Raises:
        SettingError: If TensorFlow finds fewer.
    """
    available = len(tf.config.list_physical_devices("GPU"))
    if available < gpus:
        raise SettingError(
            f"{setting} is {gpus}, but TensorFlow finds {available}: run on a node with GPUs, with "
            f"an image that includes CUDA ({image}), or set {setting} to 0"
        )


def training_strategy(workers: int = 1) -> tf.distribute.Strategy:
    """Returns the distribution strategy: one replica per GPU if there are several.

    Args:
        workers: Number of workers that train together.

    Raises:
        SettingError: If there are several workers, and this one has more than one GPU: gradients
            are averaged over replicas or over workers, not over both.
    """
    gpus = len(tf.config.list_physical_devices("GPU"))
    if gpus > 1 and workers > 1:
        raise SettingError(
            f"Each of several workers must have at most one GPU. Received: {gpus} GPUs at one of "
            f"{workers} workers. Give each worker one GPU (resourcesPerNode in a TrainJob), and "
            "start a worker for each GPU"
        )
    if gpus > 1:
        return tf.distribute.MirroredStrategy()
    return tf.distribute.get_strategy()


def precision_policy(precision: str) -> str:
    """Returns the Keras dtype policy for the setting `precision`.

    On a GPU, mixed precision means float16, which cuDNN's LSTM kernel supports on every GPU; Keras
    scales the loss accordingly. On a CPU it means bfloat16; `auto` uses it only if the processor
    supports it.

    Args:
        precision: `auto`, `float32` or `mixed`. Weights are always float32.
    """
    if tf.config.list_physical_devices("GPU"):
        return "float32" if precision == "float32" else "mixed_float16"
    mixed = precision == "mixed" or (precision == "auto" and has_bfloat16())
    return "mixed_bfloat16" if mixed else "float32"


def make_reproducible(seed: int) -> None:
    """Sets all seeds and enables deterministic kernels, so that equal runs give equal weights."""
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()
