"""What happens while the network trains: figures to MLflow, lines to the log, checkpoints."""

import logging
import math
import time
from pathlib import Path
from typing import Any

import keras

from components.errors import SettingError
from components.registry.runs import log_metrics
from components.train.checkpoint import TrainingState, save_checkpoint

logger = logging.getLogger(__name__)

# Often enough to see that it goes on, seldom enough to keep a log readable.
_SECONDS_BETWEEN_LINES = 15.0


class EpochEnd(keras.callbacks.Callback):
    """Ends each epoch: its figures in MLflow, a checkpoint, a line in the log; stops in time.

    Args:
        state: Goes on from here; epochs are added to it.
        checkpoint: Where the checkpoint is written, local or in a bucket.
        epochs: Epochs at most, for the log.
        patience: Epochs without a better dev loss before training stops.
    """

    def __init__(
        self, state: TrainingState, checkpoint: Path | str, *, epochs: int, patience: int
    ) -> None:
        super().__init__()
        self._state = state
        self._checkpoint = checkpoint
        self._epochs = epochs
        self._patience = patience
        self._started = 0.0
        self._last_line = 0.0
        self._epoch = 0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Starts the clock."""
        self._epoch = epoch
        self._started = self._last_line = time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Says now and then how far the epoch is."""
        if time.perf_counter() - self._last_line > _SECONDS_BETWEEN_LINES:
            self._last_line = time.perf_counter()
            done, steps = batch + 1, self.params["steps"]
            logger.info("epoch %d/%d, step %d/%d", self._epoch + 1, self._epochs, done, steps)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Ends an epoch, and the training if patience is out or the loss is no number."""
        figures = {
            "loss": float(logs["loss"]),
            "word_loss": float(logs["word_loss"]),
            "dev_word_loss": float(logs["val_word_loss"]),
            "learning_rate": float(self.model.optimizer.learning_rate),
            "seconds": time.perf_counter() - self._started,
        }
        if not math.isfinite(figures["loss"] + figures["dev_word_loss"]):
            raise SettingError(
                f"The loss must stay a number. Received at epoch {epoch + 1}: train "
                f"{figures['loss']}, dev {figures['dev_word_loss']}. Lower learning_rate or "
                "clip_norm"
            )
        self._state.finish_epoch(figures, self.model)
        # First the checkpoint: what MLflow misses, a resumed training tells it again.
        save_checkpoint(self._checkpoint, self.model, self._state)
        log_metrics(self._state.run_id, figures, step=epoch + 1)
        logger.info(
            "epoch %d/%d  loss %.3f  train %.3f  dev %.3f%s  rate %.1e  %.1f s",
            epoch + 1,
            self._epochs,
            figures["loss"],
            figures["word_loss"],
            figures["dev_word_loss"],
            " (best)" if self._state.best_epoch == epoch else "",
            figures["learning_rate"],
            figures["seconds"],
        )
        if self._state.exhausted(self._patience):
            logger.info("no better dev loss for %d epochs: training stops", self._patience)
            self.model.stop_training = True
