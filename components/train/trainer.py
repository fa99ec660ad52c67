"""Training: network, optimizer and training loop, from scratch or from a checkpoint."""

import logging
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np

from components.captioning.model.decoder import ModelConfig
from components.captioning.model.ensemble import CaptionNetwork, build_network
from components.captioning.model.initialization import initialize_ensemble
from components.captioning.model.losses import WordCrossEntropy, WordLoss
from components.registry.runs import ended_on_error, log_metrics, reopen_run, run_exists
from components.settings.train import TrainSettings
from components.train.callbacks import Progress
from components.train.checkpoint import (
    TrainingState,
    restore_best,
    restore_checkpoint,
)
from components.train.data import CaptionBatches, Split
from components.train.devices import make_reproducible, precision_policy, training_strategy

logger = logging.getLogger(__name__)

# Final learning rate of the cosine schedule, relative to its peak.
_COSINE_FLOOR = 0.02


def fit_network(
    train: Split,
    dev: Split,
    matrix: np.ndarray,
    settings: TrainSettings,
    *,
    checkpoint: Path | str,
    start_run: Callable[[], str],
) -> tuple[CaptionNetwork, TrainingState]:
    """Trains a network until the last epoch, or until the dev loss stops falling.

    Args:
        train: Training examples, in memory or on disk; the feature statistics are computed from
            these only.
        dev: Selects the best epoch and decides when to stop.
        matrix: float32 [V, G], the pretrained word embeddings.
        settings: The training settings.
        checkpoint: Written after each epoch and every ten minutes; training resumes from an existing one.
        start_run: Creates the MLflow run of a new training and returns its id.

    Returns:
        The network with the weights of its best epoch, and the final training state.

    Raises:
        SettingError: If the loss is no longer finite; the checkpoint of the last good epoch
            remains.
    """
    make_reproducible(settings.seed)
    keras.config.set_dtype_policy(precision_policy(settings.precision))
    batches = CaptionBatches(
        train,
        batch_size=settings.batch_size,
        max_words=settings.max_words,
        seed=settings.seed,
    )
    strategy = training_strategy()
    with strategy.scope():
        network = build_network(_network_config(train, matrix, settings), settings.seed)
        initialize_ensemble(network, matrix, settings.seed)
        network.standardize.adapt(block.features for block in train.blocks())
        network.compile(
            optimizer=_optimizer(settings, steps=batches.steps * settings.epochs),
            loss=WordCrossEntropy(settings.label_smoothing),
            metrics=[WordLoss()],
            jit_compile=False,
        )
        state = restore_checkpoint(checkpoint, network)
    if state is None:
        state = TrainingState(start_run())
    else:
        _complete_metrics(state, start_run)
        batches.start_at(len(state.history), state.step)
    logger.info(
        "training on %d captions of %d photos: %d weights, %d device(s), %s",
        batches.captions,
        train.photos,
        network.count_params(),
        strategy.num_replicas_in_sync,
        keras.config.dtype_policy().name,
    )
    with ended_on_error(state.run_id):
        _fit(network, batches, dev, settings, state, checkpoint)
    restore_best(network, state)
    return network, state


def _fit(
    network: CaptionNetwork,
    batches: CaptionBatches,
    dev: Split,
    settings: TrainSettings,
    state: TrainingState,
    checkpoint: Path | str,
) -> None:
    """Trains until the last epoch, or until the dev loss stops falling."""
    dev_batches = CaptionBatches(
        dev, batch_size=settings.batch_size, max_words=settings.max_words
    ).dataset()
    progress = Progress(
        state,
        checkpoint,
        epochs=settings.epochs,
        steps=batches.steps,
        patience=settings.patience,
    )
    # An epoch that is being resumed has fewer steps, and so a data set of its own.
    resumed = [len(state.history) + 1] if state.step else []
    for end in (*resumed, settings.epochs):
        if len(state.history) < end and not state.exhausted(settings.patience):
            network.fit(
                batches.dataset(),
                validation_data=dev_batches,
                initial_epoch=len(state.history),
                epochs=end,
                verbose=0,
                callbacks=[progress],
            )


def _complete_metrics(state: TrainingState, start_run: Callable[[], str]) -> None:
    """Logs to MLflow any metrics that it lacks of a training that is being resumed."""
    logger.info(
        "resuming from a checkpoint after epoch %d and %d steps", len(state.history), state.step
    )
    # The last epoch may not have been logged; if the run was deleted, no epoch is.
    missing = 1
    if run_exists(state.run_id):
        reopen_run(state.run_id)
    else:
        state.run_id, missing = start_run(), len(state.history)
    for number, epoch in list(enumerate(state.history, 1))[-missing:]:
        log_metrics(state.run_id, epoch, step=number)


def _network_config(train: Split, matrix: np.ndarray, settings: TrainSettings) -> ModelConfig:
    vocabulary_size, glove_width = matrix.shape
    return ModelConfig(
        vocabulary_size=vocabulary_size,
        feature_width=train.width,
        embedding_width=settings.embedding_width or glove_width,
        units=settings.units,
        dropout=settings.dropout,
        train_embeddings=settings.train_embeddings,
        decoder=settings.decoder,
        ensemble_size=settings.ensemble_size,
    )


def _optimizer(settings: TrainSettings, steps: int) -> keras.optimizers.Optimizer:
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
