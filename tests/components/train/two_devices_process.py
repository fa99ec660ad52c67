"""Trains a tiny model on two devices, which share this machine's processor.

python two_devices_process.py CHECKPOINT
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from components.artifacts.examples import Examples
from components.settings.train import TrainSettings
from components.train import callbacks, trainer

PHOTOS = 16


def main(checkpoint: str) -> None:
    """Trains for two epochs and checks their losses."""
    cpu = tf.config.list_physical_devices("CPU")[0]
    halves = [tf.config.LogicalDeviceConfiguration()] * 2
    tf.config.set_logical_device_configuration(cpu, halves)
    replaced: Any = trainer
    replaced.training_strategy = lambda *_: tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    callbacks.log_metrics = lambda *_, **__: None  # nothing is logged to MLflow
    examples = Examples(
        [str(number) for number in range(PHOTOS)],
        np.eye(PHOTOS, dtype=np.float16),
        [((4, 5), (5, 4))] * PHOTOS,
        [("a b", "b a")] * PHOTOS,
    )
    settings = TrainSettings(
        decoder="par_inject", ensemble_size=1, embedding_width=0, epochs=2, batch_size=8, units=8,
        dropout=0.3, train_embeddings=True, learning_rate=0.02, schedule="cosine",
        weight_decay=0.0, clip_norm=5.0, label_smoothing=0.0, patience=2, max_words=6,
        precision="float32", seed=3,
    )  # fmt: skip
    _, state = trainer.fit_network(
        examples, examples, np.ones((6, 4), np.float32), settings,
        checkpoint=Path(checkpoint), start_run=lambda: "run",
    )  # fmt: skip
    first, second = state.history
    assert second["loss"] < first["loss"]
    # Without label smoothing the loss is the mean over tokens, on any number of devices.
    assert abs(first["loss"] - first["word_loss"]) < 1e-4, first
    sys.stderr.write(f"trained on {replaced.training_strategy().num_replicas_in_sync}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
