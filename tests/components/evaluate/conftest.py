"""A tiny model that always generates the same caption, with matching examples and photos."""

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

ENCODER: dict[str, Any] = {
    "network": "InceptionV3",
    "weights": "random",
    "seed": 7,
    "sha256": "e" * 64,
    "width": 5,
    "size": 299,
    "precision": "float32",
    "multi_crop": False,
}
DATA = {
    "dataset_fingerprint": "d" * 64,
    "test_fingerprint": "f" * 64,
    "source": "csv",
    "photos": 2,
    "captions": 3,
    "splits": {"train": 0, "dev": 0, "test": 2},
    "words": {"lengths": [0, 3], "unspaced_share": 0.0},
    "counts": {"near_duplicates": 3},
    "summary": [["photos", "4 (csv)"]],
}
EPOCH = {"loss": 3.1, "word_loss": 3, "dev_word_loss": 2.5, "learning_rate": 1e-3, "seconds": 1.5}
TRAINING = {
    "mlflow_run_id": "run-1",
    "best_epoch": 2,
    "settings": {"units": 8, "schedule": "cosine", "max_words": 3},
    "history": [EPOCH, EPOCH | {"dev_word_loss": 2.25}],
}


@dataclass(frozen=True)
class Artifacts:
    """The input directories of an evaluation."""

    model: Path
    examples: Path
    manifest: Path


def _save_model(directory: Path, seed: int | None, width: int) -> None:
    from components.captioning.decoding.reranker_data import RerankerData
    from components.captioning.inference.model_files import save_model
    from components.captioning.model.decoder import ModelConfig
    from components.captioning.model.ensemble import build_network
    from components.captioning.model.vocabulary import SPECIAL_TOKENS, Vocabulary

    vocabulary = Vocabulary([*SPECIAL_TOKENS, "a", "dog", "runs"])
    shape = {"embedding_width": 3, "units": 8, "dropout": 0.0, "train_embeddings": True}
    network = build_network(ModelConfig(len(vocabulary), width, **shape))
    if seed is None:
        bias = np.zeros(len(vocabulary), np.float32)
        bias[vocabulary.words.index("dog")] = 20
        network.decoders[0].output_projection.set_weights([np.zeros((8, len(vocabulary))), bias])
    else:
        random = np.random.default_rng(seed)
        for variable in network.trainable_variables:
            variable.assign(random.normal(scale=1.2, size=variable.shape))
    reranker_data = RerankerData(np.zeros((1, width), np.float16), [("dog",)])
    save_model(network, vocabulary, reranker_data, directory)


@pytest.fixture(scope="session")
def one_caption_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("model")
    _save_model(directory, None, ENCODER["width"])
    return directory


@pytest.fixture
def write_model(tmp_path: Path, one_caption_model: Path) -> Callable[..., Path]:
    """Writes a model that generates "dog dog dog", or with a seed, one with random weights."""
    from components.artifacts.checksums import write_checksums
    from components.captioning.model.normalizer import NORMALIZER

    def write(seed: int | None = None, width: int = ENCODER["width"]) -> Path:
        directory = tmp_path / "model"
        if seed is None and width == ENCODER["width"]:
            shutil.copytree(one_caption_model, directory)
        else:
            directory.mkdir()
            _save_model(directory, seed, width)
        (directory / "encoder.json").write_text(json.dumps(ENCODER | {"width": width}))
        (directory / "training.json").write_text(json.dumps(TRAINING))
        NORMALIZER.save(directory)
        write_checksums(directory)
        return directory

    return write


@pytest.fixture
def write_examples(tmp_path: Path) -> Callable[[dict[str, Sequence[str]]], Path]:
    """Writes examples of dev and test: references by image id, and random features."""
    import tensorflow as tf

    from components.artifacts.example_records import shard_name, to_example

    def write(references: dict[str, Sequence[str]]) -> Path:
        directory = tmp_path / "examples"
        directory.mkdir()
        (directory / "encoder.json").write_text(json.dumps(ENCODER))
        random = np.random.default_rng(0)
        for split in ("test", "dev"):
            with tf.io.TFRecordWriter(str(directory / shard_name(split, 0, 1))) as writer:
                for image_id, texts in references.items():
                    feature = random.normal(size=ENCODER["width"]).astype(np.float16)
                    writer.write(to_example(image_id, feature, [[4]] * len(texts), texts))
        return directory

    return write


@pytest.fixture
def write_manifest(tmp_path: Path) -> Callable[[Sequence[str]], Path]:
    """Writes a manifest with a photo for each image id."""
    from components.artifacts.manifest import Photo
    from components.artifacts.manifest import write_manifest as write_photos

    def write(image_ids: Sequence[str]) -> Path:
        directory = tmp_path / "manifest"
        (directory / "photos").mkdir(parents=True)
        for image_id in image_ids:
            Image.new("RGB", (40, 30), "teal").save(directory / "photos" / image_id)
        write_photos(
            directory,
            [
                Photo(image_id, f"photos/{image_id}", "0" * 64, 40, 30, "test", ("A dog.",))
                for image_id in image_ids
            ],
        )
        (directory / "report.json").write_text(json.dumps(DATA))
        return directory

    return write


@pytest.fixture
def artifacts(
    write_model: Callable[..., Path],
    write_examples: Callable[[dict[str, Sequence[str]]], Path],
    write_manifest: Callable[[Sequence[str]], Path],
) -> Artifacts:
    references = {"1.png": ["dog dog dog", "dog"], "2.png": ["a dog"]}
    return Artifacts(write_model(), write_examples(references), write_manifest(list(references)))
