"""A tiny dataset: photos whose features determine which of two captions they have."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from components.artifacts.captions import VOCABULARY_FILE
from components.artifacts.example_records import shard_name, to_example
from components.artifacts.examples import Examples, ExampleShards
from components.artifacts.files import (
    COVERAGE_FILE,
    ENCODER_FILE,
    ENCODER_WEIGHTS_FILE,
    MATRIX_FILE,
)
from components.artifacts.training_photos import TrainingPhotos
from components.captioning.encoder.spec import EncoderSpec
from components.captioning.model.normalizer import Normalizer
from components.captioning.model.vocabulary import SPECIAL_TOKENS, Vocabulary
from components.settings.train import TrainSettings
from components.train.run import train_model

Train = Callable[..., dict[str, Any]]

WORDS = (*SPECIAL_TOKENS, "a", "red", "blue", "circle", "square")


def _examples(photos: int) -> Examples:
    generator = np.random.default_rng(photos)
    kinds = np.arange(photos) % 2
    noise = generator.normal(size=(photos, 6))
    captions = ((4, 5, 7), (4, 6, 8, 8))
    return Examples(
        image_ids=[f"{index:03d}.png" for index in range(photos)],
        features=(noise + 3 * kinds[:, None]).astype(np.float16),
        tokens=[(captions[kind], captions[kind][:2]) for kind in kinds],
        references=[
            ("a red circle", "a red") if kind == 0 else ("a blue square square", "a blue")
            for kind in kinds
        ],
    )


@pytest.fixture(scope="session")
def train_examples() -> Examples:
    return _examples(24)


@pytest.fixture(scope="session")
def dev_examples() -> Examples:
    return _examples(8)


def _write_shards(directory: Path, split: str, examples: Examples, shards: int) -> ExampleShards:
    (directory / ENCODER_FILE).write_text(json.dumps({"width": examples.width}))
    for index, rows in enumerate(np.array_split(np.arange(examples.photos), shards)):
        with tf.io.TFRecordWriter(str(directory / shard_name(split, index, shards))) as writer:
            for row in rows:
                writer.write(
                    to_example(
                        examples.image_ids[row],
                        examples.features[row],
                        examples.tokens[row],
                        examples.references[row],
                    )
                )
    return ExampleShards(directory, split)


@pytest.fixture
def train_shards(train_examples: Examples, tmp_path: Path) -> ExampleShards:
    """The same as `train_examples`, on disk."""
    return _write_shards(tmp_path, "train", train_examples, 5)


@pytest.fixture
def fifty_captions(tmp_path: Path) -> ExampleShards:
    """25 photos with two captions each, on disk: the last batch of seven captions has one."""
    return _write_shards(tmp_path, "train", _examples(25), 5)


@pytest.fixture
def dev_shards(dev_examples: Examples, tmp_path: Path) -> ExampleShards:
    """The same as `dev_examples`, on disk."""
    return _write_shards(tmp_path, "dev", dev_examples, 2)


@pytest.fixture(scope="session")
def matrix() -> np.ndarray:
    return np.random.default_rng(5).normal(size=(len(WORDS), 4)).astype(np.float32)


@pytest.fixture(scope="session")
def make_settings() -> Callable[..., TrainSettings]:
    def make(**changed: Any) -> TrainSettings:
        values: dict[str, Any] = {
            "decoder": "par_inject",
            "ensemble_size": 1,
            "embedding_width": 0,
            "epochs": 4,
            "batch_size": 8,
            "units": 8,
            "dropout": 0.3,
            "train_embeddings": True,
            "learning_rate": 0.02,
            "schedule": "cosine",
            "weight_decay": 0.001,
            "clip_norm": 5.0,
            "label_smoothing": 0.0,
            "patience": 4,
            "max_words": 6,
            "precision": "float32",
            "seed": 3,
        }
        return TrainSettings(**{**values, **changed})

    return make


@pytest.fixture
def own_photos() -> TrainingPhotos:
    """The record in the examples: a photo in train, and one in dev."""
    return TrainingPhotos(frozenset({"0" * 64, "1" * 64}), frozenset({"1" * 64}))


@pytest.fixture
def train(
    train_examples: Examples,
    dev_examples: Examples,
    matrix: np.ndarray,
    make_settings: Callable[..., TrainSettings],
    own_photos: TrainingPhotos,
    mlflow_root: Path,
    tmp_path: Path,
) -> Train:
    """Trains for two epochs from artifacts on disk; `pod` is the folder of the model."""
    for name, examples in (("train", train_examples), ("dev", dev_examples)):
        _write_examples(tmp_path / "examples", name, examples)
    (tmp_path / "captions").mkdir()
    Vocabulary(WORDS).save(tmp_path / "captions" / VOCABULARY_FILE)
    for name in ("captions", "examples"):
        Normalizer((("lower",),)).save(tmp_path / name)
    own_photos.save(tmp_path / "examples")
    (tmp_path / "matrix").mkdir()
    np.save(tmp_path / "matrix" / MATRIX_FILE, matrix)
    coverage = {"source": "glove.txt", "width": 4, "found": 5}
    (tmp_path / "matrix" / COVERAGE_FILE).write_text(json.dumps(coverage))

    def run(pod: str, checkpoints: str | Path, **changed: Any) -> dict[str, Any]:
        return train_model(
            *(tmp_path / name for name in ("examples", "captions", "matrix")),
            tmp_path / pod,
            settings=make_settings(
                epochs=2, experiment="tests", checkpoints=str(checkpoints), **changed
            ),
        )

    return run


def _write_examples(directory: Path, split: str, examples: Examples) -> None:
    directory.mkdir(exist_ok=True)
    spec = EncoderSpec("InceptionV3", "random", 0, "0" * 64, 6, 299, "float32")
    spec.save(directory)
    (directory / ENCODER_WEIGHTS_FILE).write_bytes(b"the encoder's weights")
    with tf.io.TFRecordWriter(str(directory / shard_name(split, 0, 1))) as writer:
        for index, image_id in enumerate(examples.image_ids):
            record = to_example(
                image_id,
                examples.features[index],
                examples.tokens[index],
                examples.references[index],
            )
            writer.write(record)
