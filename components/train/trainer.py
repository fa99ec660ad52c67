"""Training: network, optimizer and training loop, from scratch or from a checkpoint."""

import logging
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path

import keras
import numpy as np

from components.captioning.model.decoder import ModelConfig
from components.captioning.model.ensemble import CaptionNetwork, build_network
from components.captioning.model.initialization import initialize_ensemble
from components.captioning.model.losses import WordCrossEntropy, WordLoss
from components.errors import SettingError
from components.registry.runs import (
    ended_on_error,
    log_metrics,
    metric_steps,
    reopen_run,
    run_exists,
)
from components.settings.train import RANDOM_EMBEDDING_WIDTH, TrainSettings
from components.train.callbacks import Progress
from components.train.checkpoint import (
    TrainingState,
    restore_best,
    restore_checkpoint,
)
from components.train.data import CaptionBatches, Split
from components.train.devices import make_reproducible, precision_policy, training_strategy
from components.train.optimizer import make_optimizer
from components.train.parent import LoadedParent, continue_from
from components.train.workers import ALONE, Workers

logger = logging.getLogger(__name__)


def fit_network(
    train: Split,
    dev: Split,
    matrix: np.ndarray,
    settings: TrainSettings,
    *,
    checkpoint: Path | str,
    start_run: Callable[[], str],
    words: Sequence[str] = (),
    parent: LoadedParent | None = None,
    workers: Workers = ALONE,
) -> tuple[CaptionNetwork, TrainingState]:
    """Trains a network until the last epoch, or until the dev loss stops falling.

    Args:
        train: Training examples, in memory or on disk; the feature statistics are computed from
            these only.
        dev: Selects the best epoch and decides when to stop.
        matrix: float32 [V, G], the pretrained word embeddings; G is 0 if there are none.
        settings: The training settings.
        checkpoint: Written after each epoch and every ten minutes; training resumes from an
            existing one.
        start_run: Creates the MLflow run of a new training and returns its id.
        words: The vocabulary, needed with a parent.
        parent: The model to continue from; its shapes must match the settings.
        workers: The workers that train together; only the chief writes checkpoints and metrics.

    Returns:
        The network with the weights of its best epoch, and the final training state.

    Raises:
        SettingError: If the loss is no longer finite (the checkpoint of the last good epoch
            remains), if the workers do not all find the same checkpoint, or if one has several
            GPUs.
        tf.errors.OpError: If another worker has ended.
    """
    make_reproducible(settings.seed)
    keras.config.set_dtype_policy(precision_policy(settings.precision))
    batches = CaptionBatches(
        train,
        batch_size=settings.batch_size,
        max_words=settings.max_words,
        seed=settings.seed,
        workers=workers,
    )
    strategy = training_strategy(workers.count)
    with strategy.scope():
        width = parent.network.config.embedding_width if parent else 0
        config = _network_config(train, matrix, settings, default_width=width)
        network = build_network(config, settings.seed)
        initialize_ensemble(network, matrix, settings.seed)
        if parent is None:
            network.standardize.adapt(block.features for block in train.blocks())
        else:
            continue_from(network, words, parent)
        network.compile(
            optimizer=make_optimizer(settings, steps=batches.steps * settings.epochs),
            loss=WordCrossEntropy(settings.label_smoothing),
            metrics=[WordLoss()],
            jit_compile=False,
        )
        # Otherwise its variables are created while the training step is traced, which TensorFlow
        # then traces again.
        network.optimizer.build(network.trainable_variables)
        workers.average_gradients(network.optimizer)
        state = restore_checkpoint(checkpoint, network)
    _require_same_start(workers, state)
    _separate_dropout(network, workers)
    if state is None:
        state = TrainingState(start_run() if workers.is_chief else "")
    elif workers.is_chief:
        _complete_metrics(state, start_run)
    logger.info(
        "training on %d captions of %d photos: %d weights, %d worker(s), %d device(s), %s",
        batches.captions,
        train.photos,
        network.count_params(),
        workers.count,
        strategy.num_replicas_in_sync,
        keras.config.dtype_policy().name,
    )
    with ended_on_error(state.run_id) if workers.is_chief else nullcontext():
        if parent is not None and not state.history and not state.step and workers.is_chief:
            _log_start(network, dev, settings, state.run_id)
        _fit(network, batches, dev, settings, state, checkpoint, workers)
    restore_best(network, state)
    return network, state


def _log_start(network: CaptionNetwork, dev: Split, settings: TrainSettings, run_id: str) -> None:
    """Logs the dev loss before the first epoch: what the parent knows of the new data."""
    batches = CaptionBatches(dev, batch_size=settings.batch_size, max_words=settings.max_words)
    loss = float(network.evaluate(batches.dataset(), verbose=0, return_dict=True)["word_loss"])
    log_metrics(run_id, {"dev_word_loss": loss}, step=0)
    logger.info("before the first epoch: dev %.3f", loss)


def _fit(
    network: CaptionNetwork,
    batches: CaptionBatches,
    dev: Split,
    settings: TrainSettings,
    state: TrainingState,
    checkpoint: Path | str,
    workers: Workers,
) -> None:
    """Trains until the last epoch, or until the dev loss stops falling."""
    dev_batches = CaptionBatches(
        dev, batch_size=settings.batch_size, max_words=settings.max_words
    ).dataset()
    progress = Progress(
        state,
        checkpoint,
        batches,
        epochs=settings.epochs,
        patience=settings.patience,
        workers=workers,
    )
    # An epoch that is being resumed has fewer steps, and so a data set of its own.
    resumed = [len(state.history) + 1] if state.step else []
    for end in (*resumed, settings.epochs):
        if len(state.history) < end and not state.exhausted(settings.patience):
            batches.start_at(len(state.history), state.step)
            network.fit(
                batches.dataset(),
                validation_data=dev_batches,
                initial_epoch=len(state.history),
                epochs=end,
                verbose=0,
                callbacks=[progress],
            )


def _require_same_start(workers: Workers, state: TrainingState | None) -> None:
    own = np.array([len(state.history), state.step] if state else [0, 0], np.float32)
    [total] = workers.sum([own])
    if not np.array_equal(total, workers.count * own):
        raise SettingError(
            f"All {workers.count} workers must see the same checkpoints: set checkpoints to a "
            f"bucket, or to a folder that they share. Received: epoch and step {own.tolist()} at "
            f"worker {workers.rank}, {(total / workers.count).tolist()} on average"
        )


def _separate_dropout(network: CaptionNetwork, workers: Workers) -> None:
    """Gives each worker its own dropout masks; those of the chief are in the checkpoint."""
    if workers.is_chief:
        return
    for decoder in network.decoders:
        for dropout in decoder.dropouts:
            if dropout.rate:
                dropout.seed_generator.state.assign_add(np.array([workers.rank, 0], np.uint32))


def _complete_metrics(state: TrainingState, start_run: Callable[[], str]) -> None:
    """Logs to MLflow any metrics of a resumed training that are missing there."""
    logger.info(
        "resuming from a checkpoint after epoch %d and %d steps", len(state.history), state.step
    )
    if run_exists(state.run_id):
        reopen_run(state.run_id)
    else:
        state.run_id = start_run()
    logged = metric_steps(state.run_id, "loss")
    for number, epoch in enumerate(state.history, 1):
        if number not in logged:
            log_metrics(state.run_id, epoch, step=number)


def _network_config(
    train: Split, matrix: np.ndarray, settings: TrainSettings, *, default_width: int
) -> ModelConfig:
    vocabulary_size, glove_width = matrix.shape
    return ModelConfig(
        vocabulary_size=vocabulary_size,
        feature_width=train.width,
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
