"""The measurements of `features.py`; each must run in a separate process."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from processes import peak_memory

from components.artifacts.manifest import read_manifest, write_manifest
from components.captioning.encoder.backbones import find_backbone
from components.captioning.encoder.encoder import Encoder
from components.captioning.encoder.images import load_photo
from components.captioning.encoder.onnx.encoder import OnnxEncoder
from components.captioning.encoder.precision import Precision, choose_precision
from components.captioning.encoder.weights import build_with_weights
from components.features.extraction import extract_features
from components.ingest.run import ingest_dataset
from components.normalize.normalization import normalize_captions
from components.settings.data import DataSettings
from components.settings.encoder import EncoderSettings

NETWORK = "InceptionV3"
_SEED = 17
_WARM_UP_PHOTOS = 3


@dataclass(frozen=True, slots=True)
class StepRun:
    """A run of the features step.

    Attributes:
        photos: Number of photos written.
        seconds: Time from photos and captions to the examples artifact, without imports.
        peak: Peak memory in MiB.
    """

    photos: int
    seconds: float
    peak: float


def prepare(dataset: Path, work: Path) -> int:
    """Writes the artifacts of `ingest` and `normalize`, and returns the number of photos."""
    report = ingest_dataset(
        DataSettings(dataset=str(dataset), seed=_SEED, dev_share=0.1, test_share=0.1, store=""),
        work / "manifest",
    )
    normalize_captions(work / "manifest", work / "captions", min_count=5)
    return int(report["photos"])


def take_photos(work: Path, photos: int) -> tuple[Path, list[str]]:
    """Writes a manifest of a random sample of photos; larger samples include smaller ones.

    Returns:
        The directory of the manifest, and the paths of the photos.
    """
    rows = read_manifest(work / "manifest")
    order = np.random.default_rng(_SEED).permutation(len(rows))
    chosen = [rows[row] for row in sorted(order[:photos])]
    directory = work / f"manifest-{len(chosen)}"
    directory.mkdir(exist_ok=True)
    write_manifest(directory, chosen)
    return directory, [photo.uri for photo in chosen]


def run_step(
    work: Path, manifest: Path, weights: str, batch_size: int, store: str, network: str = NETWORK
) -> StepRun:
    """Runs the features step as the pipeline does.

    Args:
        work: The folder that `prepare` wrote to.
        manifest: The manifest of the photos.
        weights: See `extract_features`.
        batch_size: Photos per batch.
        store: The folder of the feature store; empty for none.
        network: A backbone, or the folder of an ONNX model.
    """
    started = time.perf_counter()
    facts = extract_features(
        manifest,
        work / "captions",
        work / "examples",
        EncoderSettings(
            encoder=network,
            encoder_weights=weights,
            encoder_batch=batch_size,
            seed=_SEED,
            store=store,
        ),
    )
    seconds = time.perf_counter() - started
    return StepRun(facts["photos"], seconds, peak_memory())


def bare_rate(paths: Sequence[str], weights: str, batch_size: int, batches: int) -> float:
    """Returns the photos per second of the encoder's graph alone, on full batches in memory.

    It uses the same precision as the step.

    Args:
        paths: At least one batch of photos.
        weights: See `Encoder.build`.
        batch_size: Photos per batch.
        batches: Number of batches to time, after one for warm-up.
    """
    encoder = _encoder(weights, batch_size, choose_precision("auto", NETWORK, weights))
    pixels = _load(paths[:batch_size], encoder)
    encoder.encode(pixels)
    started = time.perf_counter()
    for _ in range(batches):
        encoder.encode(pixels)
    return len(pixels) * batches / (time.perf_counter() - started)


def bare_onnx_rate(paths: Sequence[str], folder: Path, batch_size: int, batches: int) -> float:
    """Returns the photos per second of plain onnxruntime on full batches in memory.

    Args:
        paths: At least one batch of photos.
        folder: The folder of an ONNX model with `model.onnx`.
        batch_size: Photos per batch.
        batches: Number of batches to time, after one for warm-up.
    """
    encoder = OnnxEncoder.build(folder)
    pixels = np.stack([encoder.load_photo(path) for path in paths[:batch_size]])
    assert encoder.spec.onnx is not None
    table = encoder.spec.onnx.image_processor.lookup_table()
    # [B, S, S, 3] -> [B, 3, S, S]
    inputs = np.stack([table[:, colour][pixels[..., colour]] for colour in range(3)], axis=1)
    session = ort.InferenceSession(folder / "model.onnx", providers=["CPUExecutionProvider"])
    (name,) = (each.name for each in session.get_inputs())
    output = encoder.spec.onnx.output
    session.run([output], {name: inputs})
    started = time.perf_counter()
    for _ in range(batches):
        session.run([output], {name: inputs})
    return len(pixels) * batches / (time.perf_counter() - started)


def predict_rate(paths: Sequence[str], weights: str) -> float:
    """Returns the photos per second of the original project's loop: one photo per `predict`.

    Args:
        paths: The photos; the first few are used for warm-up.
        weights: See `build_with_weights`.
    """
    network = find_backbone(NETWORK)
    model = build_with_weights(network, weights, _SEED)
    started = 0.0
    for number, path in enumerate(paths):
        if number == _WARM_UP_PHOTOS:
            started = time.perf_counter()
        photo = keras.utils.load_img(path, target_size=(network.size, network.size))
        pixels = keras.utils.img_to_array(photo)[np.newaxis]  # [299, 299, 3] -> [1, 299, 299, 3]
        model.predict(keras.applications.inception_v3.preprocess_input(pixels), verbose=0)
    return (len(paths) - _WARM_UP_PHOTOS) / (time.perf_counter() - started)


def cosine_similarities(paths: Sequence[str], weights: str, batch_size: int) -> NDArray[np.float32]:
    """Returns the cosine similarity of the step's features to float32 features for each photo.

    Args:
        paths: The photos.
        weights: See `Encoder.build`.
        batch_size: Photos per batch.

    Returns:
        float32 [N]; 1 if the step computes in float32 on this machine.
    """
    float32_encoder, step_encoder = (
        _encoder(weights, batch_size, precision)
        for precision in ("float32", choose_precision("auto", NETWORK, weights))
    )
    similarities = []
    for start in range(0, len(paths), batch_size):
        pixels = _load(paths[start : start + batch_size], float32_encoder)
        exact = float32_encoder.encode(pixels)  # float32 [B, D]
        features = step_encoder.encode(pixels)  # float32 [B, D]
        lengths = np.linalg.norm(exact, axis=1) * np.linalg.norm(features, axis=1)
        similarities.append((exact * features).sum(axis=1) / lengths)
    return np.concatenate(similarities)


def _encoder(weights: str, batch_size: int, precision: Precision) -> Encoder:
    return Encoder.build(NETWORK, weights, seed=_SEED, batch_size=batch_size, precision=precision)


def _load(paths: Sequence[str], encoder: Encoder) -> NDArray[np.uint8]:
    return np.stack([load_photo(path, encoder.spec.size) for path in paths])
