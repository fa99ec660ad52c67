"""The training callback: MLflow metrics, log lines, checkpoints and early stopping."""

import logging
import math
import time
from pathlib import Path
from typing import Any

import keras

from components.errors import SettingError
from components.registry.runs import log_metrics
from components.train.checkpoint import TrainingState, save_checkpoint
from components.train.data import CaptionBatches
from components.train.workers import Workers

logger = logging.getLogger(__name__)

# Often enough to show progress, rarely enough to keep the log readable.
_SECONDS_BETWEEN_LINES = 15.0
# A killed run loses at most this much of a long epoch.
_SECONDS_BETWEEN_CHECKPOINTS = 600.0


class Progress(keras.callbacks.Callback):
    """Saves checkpoints, after each epoch and every ten minutes; logs metrics; stops early.

    Args:
        state: The training state; finished epochs are appended to it.
        checkpoint: Where the checkpoint is written: a local path or one in a bucket.
        batches: The batches, which are set to each epoch when it begins.
        epochs: Maximum number of epochs, for the log.
        patience: Epochs without a lower dev loss before training stops.
        workers: The workers that train together; only the chief writes.
    """

    def __init__(
        self,
        state: TrainingState,
        checkpoint: Path | str,
        batches: CaptionBatches,
        *,
        epochs: int,
        patience: int,
        workers: Workers,
    ) -> None:
        super().__init__()
        self._state = state
        self._checkpoint = checkpoint
        self._batches = batches
        self._epochs = epochs
        self._patience = patience
        self._workers = workers
        self._first_step = 0
        self._started = 0.0
        self._last_line = 0.0
        self._last_checkpoint = 0.0
        self._epoch = 0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Starts the timer, or continues that of an epoch that is being resumed."""
        self._epoch, self._first_step = epoch, self._state.step
        self._batches.start_at(epoch, self._first_step)
        self._last_line = self._last_checkpoint = time.perf_counter()
        self._started = self._last_line - self._state.seconds

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Logs progress every few seconds, and saves a checkpoint every ten minutes."""
        now, step, steps = time.perf_counter(), self._first_step + batch + 1, self._batches.steps
        if batch == 0 and self._first_step and self._workers.is_chief:
            # Keras has created the variables of its metrics by now. The values in the checkpoint
            # are sums over all workers, so only the chief adds them; they are part of the sum over
            # all workers at the end of the epoch.
            self._state.add_metrics(self.model)
        if now - self._last_line > _SECONDS_BETWEEN_LINES:
            self._last_line = now
            logger.info("epoch %d/%d, step %d/%d", self._epoch + 1, self._epochs, step, steps)
        if step == steps:
            self._sum_metrics()
        # The workers' clocks differ: the chief's decides.
        elif self._workers.of_chief(now - self._last_checkpoint > _SECONDS_BETWEEN_CHECKPOINTS):
            self._last_checkpoint = now
            metrics = self._workers.sum(self.model.metrics_variables)
            self._state.finish_steps(step, now - self._started, metrics)
            self._save()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Records an epoch; stops training if patience is exhausted or the loss is not finite."""
        metrics = {
            "loss": float(logs["loss"]),
            "word_loss": float(logs["word_loss"]),
            # Rounding may differ between workers, but all must stop after the same epoch.
            "dev_word_loss": self._workers.of_chief(float(logs["val_word_loss"])),
            "learning_rate": float(self.model.optimizer.learning_rate),
            "seconds": time.perf_counter() - self._started,
        }
        if not math.isfinite(metrics["loss"] + metrics["dev_word_loss"]):
            raise SettingError(
                f"The loss must be finite. Received in epoch {epoch + 1}: train "
                f"{metrics['loss']}, dev {metrics['dev_word_loss']}. Lower learning_rate or "
                "clip_norm"
            )
        self._state.finish_epoch(metrics, self.model)
        # The checkpoint first: resumed training logs again whatever MLflow is missing.
        self._save()
        if self._workers.is_chief:
            log_metrics(self._state.run_id, metrics, step=epoch + 1)
        logger.info(
            "epoch %d/%d  loss %.3f  train %.3f  dev %.3f%s  learning rate %.1e  %.1f s",
            epoch + 1,
            self._epochs,
            metrics["loss"],
            metrics["word_loss"],
            metrics["dev_word_loss"],
            " (best)" if self._state.best_epoch == epoch else "",
            metrics["learning_rate"],
            metrics["seconds"],
        )
        if self._state.exhausted(self._patience):
            logger.info("the dev loss has not fallen for %d epochs: stopping", self._patience)
            self.model.stop_training = True

    def _save(self) -> None:
        if self._workers.is_chief:
            save_checkpoint(self._checkpoint, self.model, self._state)

    def _sum_metrics(self) -> None:
        """Replaces the epoch's metrics with their sums over all workers, which Keras then reads."""
        if self._workers.count > 1:
            variables = self.model.metrics_variables
            for variable, total in zip(variables, self._workers.sum(variables), strict=True):
                variable.assign(total)
