"""What `register` is handed: a tiny untrained bundle, scores, two photos; and a registry."""

import io
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

_SCORES: dict[str, Any] = {
    "bleu": {"bleu1": 80.5, "bleu2": 75.25, "bleu3": 70.0, "bleu4": 100 / 3},
    "greedy": {"bleu1": 79.0, "bleu2": 74.0, "bleu3": 68.0, "bleu4": 30.5},
    "signature": "nrefs:5|tok:none",
    "cider_d": {"beam": 180.5, "greedy": 170.25},
    "rouge_l": {"beam": 77.5, "greedy": 75.5},
    "coco_signature": "cider-d:n=4|tok:none",
    "split": "test",
    "images": 1,
    "beam_width": 2,
    "length_penalty": 1.0,
    "consensus": 0.0,
    "max_words": 5,
    "test_fingerprint": "f" * 64,
    "dataset_fingerprint": "d" * 64,
    "encoder": {"network": "MobileNetV3Small", "weights": "random", "sha256": "e" * 64},
}


_ORIGIN = {
    "recipe": '{"data": "d"}',
    "cause": "training: there is no champion yet",
    "compared_with": "",
}


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from components.captioning.bundle import Bundle
    from components.captioning.consensus import Neighbours
    from components.captioning.decoder import NetworkConfig
    from components.captioning.decoding import DecodingConfig
    from components.captioning.encoder import Encoder
    from components.captioning.network import build_network
    from components.captioning.vocabulary import MARKS, Vocabulary

    directory = tmp_path_factory.mktemp("bundle")
    encoder = Encoder.build("MobileNetV3Small", "random")
    encoder.save(directory)
    vocabulary = Vocabulary([*MARKS, "a", "red", "blue", "circle"])
    config = NetworkConfig(
        vocabulary_size=len(vocabulary),
        feature_width=encoder.identity.width,
        embedding_width=4,
        units=8,
        dropout=0.0,
        train_embeddings=True,
    )
    decoding = DecodingConfig(beam_width=2, length_penalty=1.0, max_words=5)
    # A seed whose captions of the two photos have words, and differ.
    neighbours = Neighbours(np.zeros((1, encoder.identity.width), np.float16), [("a",)])
    Bundle(build_network(config, seed=1), vocabulary, decoding, neighbours).save(directory)
    return directory


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    def png(image: Image.Image) -> bytes:
        file = io.BytesIO()
        image.save(file, "PNG")
        return file.getvalue()

    return {
        "red.png": png(Image.new("RGB", (32, 24), "red")),
        "grey.png": png(Image.linear_gradient("L")),
    }


@pytest.fixture(scope="session")
def artifacts(
    bundle: Path, photos: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """The three inputs; the model lacks the name of its run."""
    from components.captioning.bundle import Describer
    from components.platform.manifest import Photo, write_manifest

    root = tmp_path_factory.mktemp("artifacts")
    shutil.copytree(bundle, root / "model")
    (root / "scores").mkdir()
    (root / "scores" / "scores.json").write_text(json.dumps(_SCORES))
    said = Describer(bundle).describe(list(photos.values()))
    lines = zip(("2.png", "3.png"), said, strict=True)
    (root / "scores" / "captions.jsonl").write_text(
        "".join(json.dumps({"image_id": name, "hypothesis": text}) + "\n" for name, text in lines)
    )
    (root / "manifest" / "photos").mkdir(parents=True)
    for name, content in photos.items():
        (root / "manifest" / "photos" / name).write_bytes(content)
    write_manifest(
        root / "manifest",
        [
            Photo("1.png", "photos/gone.png", "0" * 64, 32, 24, "train", ("a blue circle",)),
            Photo("2.png", "photos/red.png", "1" * 64, 32, 24, "test", ("a red circle",)),
            Photo("3.png", "photos/grey.png", "2" * 64, 256, 256, "test", ("a grey fog",)),
        ],
    )
    return {name: root / name for name in ("model", "scores", "manifest")}


@pytest.fixture(scope="session")
def first(
    artifacts: dict[str, Path], mlflow_database: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """The artifacts of a first training run, registered; the store lies beside its model."""
    from components.platform.registry import finish_run, start_run
    from components.platform.tracking import local_tracking_uri
    from components.register.registration import register_model

    root = tmp_path_factory.mktemp("first")
    shutil.copy(mlflow_database, root)
    shutil.copytree(artifacts["model"], root / "model")
    inputs = artifacts | {"model": root / "model"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", local_tracking_uri(root))
        run_id = start_run("photos", "first", {"epochs": 3})
        finish_run(run_id)
        (root / "model" / "training.json").write_text(json.dumps({"mlflow_run_id": run_id}))
        register_model(
            **inputs, **_ORIGIN, reason="passed: it is the first", model_name="captioner"
        )
    return inputs


@pytest.fixture
def client(mlflow_root: Path) -> Any:
    """A registry with four versions and no champion."""
    from mlflow import MlflowClient

    from components.platform.registry import start_run

    client = MlflowClient()
    client.create_registered_model("captioner")
    run_id = start_run("photos", "first", {})
    for _ in range(4):
        client.create_model_version("captioner", "file:///nowhere", run_id)
    return client


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("components.register.promotion._PAUSE", 0.01)


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    # On a busy machine a promotion may be under way for long.
    monkeypatch.setattr("components.register.promotion._LOOKS", 600)
    monkeypatch.setattr("components.register.promotion._PAUSE", 0.05)
