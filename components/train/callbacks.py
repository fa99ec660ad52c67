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
# What a killed run may lose of a long epoch.
_SECONDS_BETWEEN_CHECKPOINTS = 600.0


class Progress(keras.callbacks.Callback):
    """Saves checkpoints, after each epoch and every ten minutes; logs metrics; stops early.

    Args:
        state: The training state; finished epochs are appended to it.
        checkpoint: Where the checkpoint is written: a local path or one in a bucket.
        batches: The batches, which are set to the epoch that begins.
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
        if batch == 0 and self._first_step:
            # Keras has created the variables of its metrics by now.
            self._state.add_metrics(self.model)
        if now - self._last_line > _SECONDS_BETWEEN_LINES:
            self._last_line = now
            logger.info("epoch %d/%d, step %d/%d", self._epoch + 1, self._epochs, step, steps)
        if step == steps:
            self._sum_metrics()
        elif now - self._last_checkpoint > _SECONDS_BETWEEN_CHECKPOINTS:
            self._last_checkpoint = now
            self._state.finish_steps(step, now - self._started, self.model)
            self._save()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Records an epoch; stops training if patience is exhausted or the loss is not finite."""
        metrics = {
            "loss": float(logs["loss"]),
            "word_loss": float(logs["word_loss"]),
            "dev_word_loss": float(logs["val_word_loss"]),
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
        # With several workers, the metrics of an unfinished epoch are the chief's alone, since they
        # save by the clock, not all at the same step. Only the logged train loss depends on them.
        if self._workers.is_chief:
            save_checkpoint(self._checkpoint, self.model, self._state)

    def _sum_metrics(self) -> None:
        """Makes the metrics of the epoch those of all workers; Keras reads them afterwards."""
        if self._workers.count > 1:
            variables = self.model.metrics_variables
            for variable, total in zip(variables, self._workers.sum(variables), strict=True):
                variable.assign(total)
