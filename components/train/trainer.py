"""Training: network, optimizer and training loop, from scratch or from a checkpoint."""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from components.artifacts.examples import Examples
from components.captioning.model.decoder import ModelConfig
from components.captioning.model.ensemble import CaptionNetwork, build_network
from components.captioning.model.initialization import initialize_ensemble
from components.captioning.model.losses import WordCrossEntropy, WordLoss
from components.registry.runs import ended_on_error, log_metrics, reopen_run, run_exists
from components.settings.train import RANDOM_EMBEDDING_WIDTH, TrainSettings
from components.train.callbacks import EpochEnd
from components.train.checkpoint import (
    TrainingState,
    restore_best,
    restore_checkpoint,
)
from components.train.data import CaptionBatches
from components.train.devices import make_reproducible, precision_policy, training_strategy
from components.train.parent import LoadedParent, continue_from

logger = logging.getLogger(__name__)

# Final learning rate of the cosine schedule, relative to its peak.
_COSINE_FLOOR = 0.02


def fit_network(
    train: Examples,
    dev: Examples,
    matrix: np.ndarray,
    settings: TrainSettings,
    *,
    checkpoint: Path | str,
    start_run: Callable[[], str],
    words: Sequence[str] = (),
    parent: LoadedParent | None = None,
) -> tuple[CaptionNetwork, TrainingState]:
    """Trains a network until the last epoch, or until the dev loss stops falling.

    Args:
        train: Training examples; the feature statistics are computed from these only.
        dev: Selects the best epoch and decides when to stop.
        matrix: float32 [V, G], the pretrained word embeddings; G is 0 if there are none.
        settings: The training settings.
        checkpoint: Written after each epoch; training resumes from an existing one.
        start_run: Creates the MLflow run of a new training and returns its id.
        words: The vocabulary, needed with a parent.
        parent: The model to continue from; its shapes are those of the settings.

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
        width = parent.network.config.embedding_width if parent else 0
        config = _network_config(train, matrix, settings, default_width=width)
        network = build_network(config, settings.seed)
        initialize_ensemble(network, matrix, settings.seed)
        if parent is None:
            network.standardize.adapt(train.features)
        else:
            continue_from(network, words, parent)
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
        batches.start_at(len(state.history))
    logger.info(
        "training on %d captions of %d photos: %d weights, %d device(s), %s",
        batches.captions,
        len(train.image_ids),
        network.count_params(),
        strategy.num_replicas_in_sync,
        keras.config.dtype_policy().name,
    )
    dev_batches = CaptionBatches(
        dev, batch_size=settings.batch_size, max_words=settings.max_words
    ).dataset()
    with ended_on_error(state.run_id):
        if parent is not None and not state.history:
            _log_start(network, dev_batches, state.run_id)
        if not state.exhausted(settings.patience):
            network.fit(
                batches.dataset(),
                validation_data=dev_batches,
                initial_epoch=len(state.history),
                epochs=settings.epochs,
                verbose=0,
                callbacks=[
                    EpochEnd(state, checkpoint, epochs=settings.epochs, patience=settings.patience)
                ],
            )
    restore_best(network, state)
    return network, state


def _log_start(network: CaptionNetwork, dev: tf.data.Dataset, run_id: str) -> None:
    """Logs the dev loss before the first epoch: what the parent knows of the new data."""
    loss = float(network.evaluate(dev, verbose=0, return_dict=True)["word_loss"])
    log_metrics(run_id, {"dev_word_loss": loss}, step=0)
    logger.info("before the first epoch: dev %.3f", loss)


def _complete_metrics(state: TrainingState, start_run: Callable[[], str]) -> None:
    """Logs to MLflow any metrics that it lacks of a training that is being resumed."""
    logger.info("resuming from a checkpoint after epoch %d", len(state.history))
    # The last epoch may not have been logged; if the run was deleted, no epoch is.
    missing = 1
    if run_exists(state.run_id):
        reopen_run(state.run_id)
    else:
        state.run_id, missing = start_run(), len(state.history)
    for number, epoch in list(enumerate(state.history, 1))[-missing:]:
        log_metrics(state.run_id, epoch, step=number)


def _network_config(
    train: Examples, matrix: np.ndarray, settings: TrainSettings, *, default_width: int
) -> ModelConfig:
    vocabulary_size, glove_width = matrix.shape
    return ModelConfig(
        vocabulary_size=vocabulary_size,
        feature_width=train.features.shape[1],
        embedding_width=settings.embedding_width
        or default_width
        or glove_width
        or RANDOM_EMBEDDING_WIDTH,
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
