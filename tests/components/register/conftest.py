"""The inputs of `register`: a tiny untrained bundle, scores, two photos; and a registry."""

import io
import json
import shutil
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

Register = Callable[..., Any]

_SCORES: dict[str, Any] = {
    "bleu": {"bleu1": 80.5, "bleu2": 75.25, "bleu3": 70.0, "bleu4": 100 / 3},
    "greedy": {"bleu1": 79.0, "bleu2": 74.0, "bleu3": 68.0, "bleu4": 30.5},
    "signature": "nrefs:5|tok:none",
    "cider_d": {"beam": 180.5, "greedy": 170.25},
    "rouge_l": {"beam": 77.5, "greedy": 75.5},
    "coco_signature": "cider-d:n=4|tok:none",
    "meteor": {"beam": 30.25, "greedy": 29.5},
    "meteor_signature": "meteor:1.5,en|times:100",
    "spice": {"beam": 20.75, "greedy": 19.25},
    "spice_signature": "spice:1.0,en|times:100",
    "split": "test",
    "images": 1,
    "beam_width": 2,
    "length_penalty": 1.0,
    "reranking_weight": 0.0,
    "guidance_weight": 0.0,
    "max_words": 5,
    "test_fingerprint": "f" * 64,
    "dataset_fingerprint": "d" * 64,
    "encoder": {
        "network": "MobileNetV3Small",
        "weights": "random",
        "sha256": "e" * 64,
        "precision": "bfloat16",
        "multi_crop": True,
    },
}


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
def captioner(tiny_bundle: Path) -> Any:
    """The model of all these tests, loaded once."""
    from components.captioning.inference.captioner import Captioner

    return Captioner(tiny_bundle)


@pytest.fixture(scope="session")
def artifacts(
    tiny_bundle: Path,
    captioner: Any,
    photos: dict[str, bytes],
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Path]:
    """The three inputs; the model has no training run yet."""
    from components.artifacts.manifest import Photo, write_manifest

    root = tmp_path_factory.mktemp("artifacts")
    shutil.copytree(tiny_bundle, root / "model")
    (root / "scores").mkdir()
    (root / "scores" / "scores.json").write_text(json.dumps(_SCORES))
    captions = captioner.describe(list(photos.values()))
    lines = zip(("2.png", "3.png"), captions, strict=True)
    (root / "scores" / "captions.jsonl").write_text(
        "".join(json.dumps({"image_id": name, "caption": text}) + "\n" for name, text in lines)
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


@pytest.fixture(scope="session", autouse=True)
def quick_parity(warm_parity: None) -> None:
    """All tests here but one fork the process of the parity check."""


@pytest.fixture(scope="session")
def register() -> Register:
    """A function that registers a model."""
    from components.register import captioning_process
    from components.register.registration import register_model
    from components.settings.release import RegisterSettings

    def register(
        inputs: dict[str, Path], reason: str, compared_with: str = "1", **settings: Any
    ) -> Any:
        with captioning_process.fresh_process() as process:
            return register_model(
                **inputs,
                training_config='{"data": "d"}',
                cause="Training: there is no champion yet",
                reason=reason,
                compared_with=compared_with,
                settings=RegisterSettings(model_name="captioner", experiment="photos", **settings),
                process=process,
            )

    return register


@pytest.fixture(scope="session")
def first(
    artifacts: dict[str, Path],
    register: Register,
    mlflow_database: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Path]:
    """The artifacts of a first training run, registered; the store is beside the model."""
    from components.artifacts.checksums import write_checksums
    from components.registry.client import local_tracking_uri
    from components.registry.runs import end_run, start_run

    root = tmp_path_factory.mktemp("first")
    shutil.copy(mlflow_database, root)
    shutil.copytree(artifacts["model"], root / "model")
    inputs = artifacts | {"model": root / "model"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", local_tracking_uri(root))
        run_id = start_run("photos", "first", {"epochs": 3})
        end_run(run_id)
        (root / "model" / "training.json").write_text(json.dumps({"mlflow_run_id": run_id}))
        write_checksums(root / "model")
        register(inputs, "Passed: first model", "")
    return inputs


@pytest.fixture
def store(first: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the store with the first version, which a test may change."""
    from components.registry.client import local_tracking_uri

    shutil.copy(first["model"].parent / "mlflow.db", tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", local_tracking_uri(tmp_path))
    return tmp_path / "mlflow.db"


@pytest.fixture
def of_run(tmp_path: Path) -> Callable[[dict[str, Path], str], dict[str, Path]]:
    """A function that returns the artifacts with a model of another training run."""
    from components.artifacts.checksums import write_checksums

    def of_run(artifacts: dict[str, Path], run_id: str) -> dict[str, Path]:
        model = tmp_path / "model"
        shutil.copytree(artifacts["model"], model)
        (model / "training.json").write_text(json.dumps({"mlflow_run_id": run_id}))
        write_checksums(model)
        return artifacts | {"model": model}

    return of_run


@pytest.fixture
def rescored(
    captioner: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[..., dict[str, Path]]:
    """A function that returns the artifacts scored again, with other decoding settings if given."""
    from components.artifacts.checksums import write_checksums
    from components.artifacts.decoding import write_decoding
    from components.artifacts.manifest import read_manifest
    from components.captioning.decoding.search import DecodingConfig

    def rescored(artifacts: dict[str, Path], bleu4: float, **search: float) -> dict[str, Path]:
        scores = json.loads((artifacts["scores"] / "scores.json").read_text()) | search
        scores["bleu"]["bleu4"] = bleu4
        (tmp_path / "scores").mkdir()
        (tmp_path / "scores" / "scores.json").write_text(json.dumps(scores))
        lines = (artifacts["scores"] / "captions.jsonl").read_text().splitlines()
        decoding = {field.name: scores[field.name] for field in fields(DecodingConfig)}
        monkeypatch.setattr(captioner.bundle, "decoding", DecodingConfig(**decoding))
        model = tmp_path / "scored_model"
        shutil.copytree(artifacts["model"], model)
        write_decoding(model, decoding)
        write_checksums(model)
        photos = {each.image_id: each.uri for each in read_manifest(artifacts["manifest"])}
        with (tmp_path / "scores" / "captions.jsonl").open("w") as written:
            for line in map(json.loads, lines):
                (caption,) = captioner.describe([photos[line["image_id"]]])
                written.write(json.dumps(line | {"caption": caption}) + "\n")
        return artifacts | {"model": model, "scores": tmp_path / "scores"}

    return rescored
