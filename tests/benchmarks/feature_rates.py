"""What the benchmark of features measures, each function to be called in a process of its own."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
from processes import peak_memory

from components.captioning.encoder import Encoder
from components.captioning.networks import find_network
from components.captioning.photos import load_photo
from components.captioning.weights import build_with_weights
from components.features.extraction import extract_features
from components.ingest.run import ingest_dataset
from components.normalize.normalization import normalize_captions
from components.platform.manifest import read_manifest, write_manifest
from components.platform.memory import keep_freed_memory

NETWORK = "InceptionV3"
_SEED = 17
_WARM_UP_PHOTOS = 3


@dataclass(frozen=True, slots=True)
class StepRun:
    """One run of the features step.

    Attributes:
        photos: How many it wrote.
        seconds: From photos and captions to the examples artifact; imports are not in it.
        peak: Most memory held, in MiB.
    """

    photos: int
    seconds: float
    peak: float


def prepare(dataset: Path, work: Path) -> int:
    """Makes the artifacts of ingest and normalize, and returns how many photos there are."""
    report = ingest_dataset(
        str(dataset),
        work / "manifest",
        scenes=1,
        seed=_SEED,
        dev_share=0.1,
        test_share=0.1,
        max_quarantined=0.05,
        beam_flags="",
    )
    normalize_captions(work / "manifest", work / "captions", min_count=5)
    return int(report["photos"])


def take_photos(work: Path, photos: int) -> tuple[Path, list[str]]:
    """Writes a manifest of some photos, drawn at random; more photos hold those of fewer.

    Returns:
        The manifest's directory, and where the photos lie.
    """
    rows = read_manifest(work / "manifest")
    order = np.random.default_rng(_SEED).permutation(len(rows))
    chosen = [rows[row] for row in order[:photos]]
    directory = work / f"manifest-{len(chosen)}"
    directory.mkdir(exist_ok=True)
    write_manifest(directory, chosen)
    return directory, [photo.uri for photo in chosen]


def run_step(work: Path, manifest: Path, weights: str, batch_size: int, store: str) -> StepRun:
    """Runs the features step as the pipeline does.

    Args:
        work: Where `prepare` wrote.
        manifest: Of the photos.
        weights: See `extract_features`.
        batch_size: Photos encoded at once.
        store: Where the feature store is; empty for none.
    """
    keep_freed_memory()
    started = time.perf_counter()
    facts = extract_features(
        manifest,
        work / "captions",
        work / "examples",
        encoder=NETWORK,
        encoder_weights=weights,
        encoder_batch=batch_size,
        seed=_SEED,
        beam_flags="",
        store=store,
    )
    seconds = time.perf_counter() - started
    return StepRun(facts["photos"], seconds, peak_memory())


def bare_rate(paths: Sequence[str], weights: str, batch_size: int, batches: int) -> float:
    """Returns the photos a second of the encoder's own graph, full batches of pixels in memory.

    Args:
        paths: At least one batch of photos.
        weights: See `Encoder.build`.
        batch_size: Photos encoded at once.
        batches: How many are timed, after one that is not.
    """
    keep_freed_memory()
    encoder = Encoder.build(NETWORK, weights, seed=_SEED, batch_size=batch_size)
    size = encoder.identity.size
    pixels = np.stack([load_photo(path, size) for path in paths[:batch_size]])
    encoder.encode(pixels)
    started = time.perf_counter()
    for _ in range(batches):
        encoder.encode(pixels)
    return len(pixels) * batches / (time.perf_counter() - started)


def predict_rate(paths: Sequence[str], weights: str) -> float:
    """Returns the photos a second of the original project's loop: one photo a `predict`.

    Args:
        paths: Some more photos than are timed.
        weights: See `build_with_weights`.
    """
    network = find_network(NETWORK)
    model = build_with_weights(network, weights, _SEED)
    started = 0.0
    for number, path in enumerate(paths):
        if number == _WARM_UP_PHOTOS:
            started = time.perf_counter()
        photo = keras.utils.load_img(path, target_size=(network.size, network.size))
        pixels = keras.utils.img_to_array(photo)[np.newaxis]  # [299, 299, 3] -> [1, 299, 299, 3]
        model.predict(keras.applications.inception_v3.preprocess_input(pixels), verbose=0)
    return (len(paths) - _WARM_UP_PHOTOS) / (time.perf_counter() - started)
