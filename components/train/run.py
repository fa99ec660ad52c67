"""The train step: trains the caption network and writes it as a bundle."""

import hashlib
import logging
import os
import shutil
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from components.artifacts.captions import VOCABULARY_FILE
from components.artifacts.code_version import code_version
from components.artifacts.examples import ExampleShards
from components.artifacts.files import (
    COVERAGE_FILE,
    ENCODER_FILE,
    MATRIX_FILE,
    TRAINING_FILE,
    atomic_directory,
    encoder_weights_file,
    read_json,
    write_json,
)
from components.artifacts.fingerprint import fingerprint_file, fingerprint_value
from components.artifacts.training_photos import TrainingPhotos, read_training_photos
from components.captioning.encoder.spec import EncoderSpec
from components.captioning.inference.model_files import save_model
from components.captioning.model.normalizer import NORMALIZER_FILE, Normalizer
from components.captioning.model.vocabulary import Vocabulary
from components.errors import DataError
from components.registry.experiments import experiment_identity
from components.registry.runs import end_run, ended_on_error
from components.runtime.retry_policy import RUN_ID_VARIABLE
from components.settings.train import TrainSettings
from components.storage.filesystem import is_remote, local_path, require_writable
from components.train.checkpoint import TrainingState
from components.train.data import Split
from components.train.parent import load_parent
from components.train.sample import sample_photos
from components.train.tracking import PipelineRun, start_training_run
from components.train.trainer import fit_network
from components.train.workers import ALONE, Workers

logger = logging.getLogger(__name__)

_DAYS_KEPT = 7
# Size of a split's shards up to which `training_data: auto` reads it into memory, where it takes
# about three times as much.
_MAX_BYTES_IN_MEMORY = 2**30
_NO_PIPELINE = PipelineRun()


def train_model(
    examples: str | Path,
    captions: str | Path,
    matrix: str | Path,
    directory: str | Path,
    *,
    settings: TrainSettings,
    pipeline_run: PipelineRun = _NO_PIPELINE,
    workers: Workers = ALONE,
) -> dict[str, Any]:
    """Trains a network and writes it as a bundle, without decoding settings.

    Decoding settings are not part of the artifact: `evaluate` adds those it scored the model with,
    so changing them does not require retraining.

    A checkpoint is named after a fingerprint of everything that determines the result, so a killed
    training is resumed by the next one that would produce the same model, and by no other. On a
    cluster, only a retry in the same Kubeflow run resumes it. The checkpoint is kept at the end,
    because the process may be killed before the model is stored: the caller removes the checkpoint
    after that. A checkpoint in a local folder is removed by the next training after a week.

    Args:
        examples: The artifact of `features`.
        captions: The artifact of `normalize`, for its vocabulary and normalizer.
        matrix: The artifact of `embeddings`.
        directory: Where the model artifact is written, atomically: the bundle and `training.json`.
        settings: The training settings.
        pipeline_run: What MLflow records of the pipeline run that trains the model.
        workers: The workers that train together; only the chief writes the model.

    Returns:
        The content of `training.json` (MLflow run, history, settings, best epoch), and the
        `checkpoint`.

    Raises:
        DataError: If the artifacts do not match each other, one is invalid, or a split is empty.
        SettingError: If the loss does not stay finite, or the bucket for checkpoints does not exist
            or is not writable.
        CaptionflowError: If MLflow or that bucket does not respond.
    """
    shards = [ExampleShards(examples, split) for split in ("train", "dev")]
    vocabulary = Vocabulary.load(Path(captions) / VOCABULARY_FILE)
    embeddings = np.load(Path(matrix) / MATRIX_FILE)  # float32 [V, E]
    if len(embeddings) != len(vocabulary):
        raise DataError(
            f"The embeddings must have one row for each of the {len(vocabulary)} words of the "
            f"vocabulary. Received: {len(embeddings)} rows"
        )
    normalizer = Normalizer.load(Path(captions))
    if normalizer != Normalizer.load(Path(examples)):
        raise DataError(
            "Captions and examples must be normalized by the same rules, but their "
            f"{NORMALIZER_FILE} differ. Run features again. Received: {captions} and {examples}"
        )
    encoder = read_json(Path(examples) / ENCODER_FILE)
    # Only to check them before training.
    read_training_photos(examples)
    # The photos of three million take half a gigabyte in memory: they wait on the disk.
    with TemporaryDirectory(prefix="captionflow-") as scratch:
        parent = load_parent(settings, EncoderSpec.load(examples), Path(scratch))
        identity = {
            "settings": settings.decisive(),
            "encoder": encoder,
            "vocabulary": vocabulary.words,
            "data": [[fingerprint_file(path) for path in split.paths] for split in shards],
            "matrix": _sha256(embeddings),
            "experiment": experiment_identity(settings.experiment),
            "parent": parent.fingerprint if parent else None,
            "code": code_version("components.train"),
        }
        key = fingerprint_value(identity)[:32]
        lineage = parent.lineage(vocabulary) if parent else {}
        cluster_run = os.environ.get(RUN_ID_VARIABLE)
        name = f"{key}-{cluster_run}" if cluster_run else key
        checkpoint = _checkpoint(settings.checkpoints, name)
        train, dev = (_open(split, settings) for split in shards)
        trained, state = fit_network(
            train,
            dev,
            embeddings,
            settings,
            checkpoint=checkpoint,
            start_run=lambda: start_training_run(
                settings, encoder, pipeline_run, training=name, start_from=lineage
            ),
            words=vocabulary.words,
            parent=parent,
            workers=workers,
        )
        training = {
            **_training_record(state, settings),
            "embeddings": _source(Path(matrix)),
            **({"start_from": lineage} if lineage else {}),
        }
        if not workers.is_chief:
            return {**training, "checkpoint": str(checkpoint)}
        with ended_on_error(state.run_id):
            with atomic_directory(directory) as aside:
                kept = sample_photos(train.blocks(), settings.reranking_photos, settings.seed)
                save_model(trained, vocabulary, kept, aside)
                normalizer.save(aside)
                photos = read_training_photos(examples)
                if parent:
                    photos = photos.with_parent(TrainingPhotos.load(scratch))
                photos.save(aside)
                for file in (ENCODER_FILE, encoder_weights_file(examples)):
                    shutil.copyfile(Path(examples) / file, aside / file)
                write_json(aside / TRAINING_FILE, training)
            end_run(state.run_id)
        best = state.history[state.best_epoch]
        logger.info("best epoch: %d, dev loss %.3f", state.best_epoch + 1, best["dev_word_loss"])
        return {**training, "checkpoint": str(checkpoint)}


def _checkpoint(checkpoints: str, key: str) -> Path | str:
    name = f"{key}.npz"
    if not is_remote(checkpoints):
        _remove_expired(local_path(checkpoints))
        return local_path(checkpoints) / name
    require_writable(checkpoints)
    return f"{checkpoints.rstrip('/')}/{name}"


def _remove_expired(folder: Path) -> None:
    for file in folder.glob("*.npz"):
        if file.stat().st_mtime < time.time() - _DAYS_KEPT * 86_400:
            file.unlink(missing_ok=True)


def _open(shards: ExampleShards, settings: TrainSettings) -> Split:
    in_memory = shards.size <= _MAX_BYTES_IN_MEMORY
    if settings.training_data != "auto":
        in_memory = settings.training_data == "memory"
    return shards.read(shards.paths) if in_memory else shards


def _sha256(values: np.ndarray) -> str:
    return hashlib.sha256(values.tobytes()).hexdigest()


def _source(matrix: Path) -> dict[str, Any]:
    """Returns where the word embeddings came from."""
    coverage = read_json(matrix / COVERAGE_FILE)
    return {name: coverage[name] for name in ("source", "width", "found")}


def _training_record(state: TrainingState, settings: TrainSettings) -> dict[str, Any]:
    return {
        "mlflow_run_id": state.run_id,
        "best_epoch": state.best_epoch + 1,
        "settings": settings.decisive(),
        "history": state.history,
    }
