"""Encodes the captioned photos, and writes the examples artifact."""

import logging
import shutil
import time
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

from apache_beam.utils.shared import Shared

from components.artifacts.captions import read_captions
from components.artifacts.files import atomic_directory
from components.artifacts.manifest import ManifestPhotos
from components.artifacts.training_photos import TrainingPhotos
from components.captioning.encoder.precision import Precision, choose_precision
from components.captioning.encoder.spec import EncoderSpec
from components.captioning.model.normalizer import Normalizer
from components.features.building import build_encoder
from components.features.encoding import EncodeImages
from components.features.key import encoder_key
from components.features.remote_index import index_remotely
from components.features.store import FeatureLocation, FeatureStore
from components.features.tasks import EncodingTask, PhotoFile, plan_tasks
from components.features.writing import write_examples
from components.runtime.beam_batches import run_in_batches
from components.runtime.beam_workers import stage_files, temporary_folder
from components.settings.beam_flags import temp_location
from components.settings.encoder import EncoderSettings

logger = logging.getLogger(__name__)

_SCRATCH = ".features"
#: If workers share no files with this machine, this process writes up to this many examples itself.
MOST_EXAMPLES_HERE = 100_000


def extract_features(
    manifest: str | Path,
    captions: str | Path,
    directory: str | Path,
    settings: EncoderSettings,
) -> dict[str, Any]:
    """Encodes every captioned photo, and writes features and captions as sharded TFRecords.

    1. Features that the store holds are reused, and so is its encoder. If the store holds all of
       them, no network is loaded and no photo is read.
    2. Otherwise the encoder is built once, and saved in the store before any of its features.
       Beam's workers encode the missing photos in full batches and add their features to the
       store, shard by shard, so a run that is killed continues with the photos that are left.
    3. Examples are written in shards by split, ordered by image id. Equal input gives equal bytes.

    If workers share no files with this machine (`--temp_location` in beam_flags), they take the
    encoder from the store. Up to `MOST_EXAMPLES_HERE` examples, this process fetches the features
    and writes the examples itself. Beyond that, workers index the store and write the shards, and
    this process collects them.

    Args:
        manifest: Directory of the manifest artifact.
        captions: Directory of the captions artifact.
        directory: Directory of the examples artifact; written whole or not at all.
        settings: Encoder, feature store, and flags of Beam's runner.

    Returns:
        Metadata of the artifact: the number of photos in total, by split, and encoded in this run;
        the encoder's network, weights, precision and width.

    Raises:
        SettingError: If the encoder, its precision, beam_flags or the store can't be used, or a
            worker does not support the chosen precision.
        DataError: If the encoder can't be loaded, a photo changed since `ingest` read it, or the
            captions' normalizer is broken.
        CaptionflowError: If the object store does not answer.
    """
    precision = choose_precision(settings.precision, settings.encoder, settings.encoder_weights)
    tasks = plan_tasks(ManifestPhotos(manifest, captions=False), read_captions(captions))
    normalizer = Normalizer.load(Path(captions))
    started = time.perf_counter()
    with atomic_directory(directory) as aside:
        # With more photos, the features are never copied to this machine.
        here = not temp_location(settings.beam_flags) or len(tasks) <= MOST_EXAMPLES_HERE
        features = _open_store(settings, aside, precision)
        features.fetch(shards=here)
        locations = _index(features, settings.beam_flags, here=here)
        # Each photo once, even if it has several ids.
        missing = list({t.sha256: t for t in tasks if t.sha256 not in locations}.values())
        if settings.store:
            found = len(tasks) - len(missing)
            logger.info("Feature store: %d of %d photos are encoded already", found, len(tasks))
        shared = Shared()
        if not features.restore_encoder(aside):
            # Workers in this process share this encoder; others load the saved one.
            built = shared.acquire(partial(build_encoder, settings, precision))
            built.save(aside)
            # Saved before any feature: if this run is killed, the next one must not mistake its
            # features for those of an encoder that it builds itself.
            features.save_encoder(aside)
        if missing:
            _encode(missing, aside, shared, features, settings)
            if here and temp_location(settings.beam_flags):
                features.fetch()
            locations = _index(features, settings.beam_flags, here=here)
        # If the features are here although workers share no files, this process writes the
        # examples.
        flags = "" if here and temp_location(settings.beam_flags) else settings.beam_flags
        with temporary_folder(flags) as folder:
            write_examples(tasks, locations, features, aside, beam_flags=flags, folder=folder)
        features.finish({locations[task.sha256].shard for task in tasks})
        shutil.rmtree(features.scratch)
        # Examples hold normalized references, so the normalizer is part of the artifact.
        normalizer.save(aside)
        TrainingPhotos.of(tasks).save(aside)
        spec = EncoderSpec.load(aside)
    seconds = time.perf_counter() - started
    rate = len(tasks) / seconds
    logger.info("Wrote %d examples in %.0f s, %.1f a second", len(tasks), seconds, rate)
    return {
        "photos": len(tasks),
        **Counter(f"{task.split}_photos" for task in tasks),
        "encoded_photos": len(missing),
        "encoder_network": spec.network,
        "encoder_weights": spec.weights,
        "encoder_sha256": spec.sha256,
        "encoder_precision": spec.precision,
        "encoder_multi_crop": spec.multi_crop,
        "width": spec.width,
    }


def _open_store(settings: EncoderSettings, directory: Path, precision: Precision) -> FeatureStore:
    scratch = directory / _SCRATCH
    scratch.mkdir()
    folder = ""
    if settings.store:
        key = encoder_key(
            settings.encoder,
            settings.encoder_weights,
            settings.seed,
            precision,
            output=settings.encoder_output,
            multi_crop=settings.multi_crop,
        )
        folder = f"{settings.store.rstrip('/')}/{key}"
    return FeatureStore(folder, scratch)


def _index(features: FeatureStore, beam_flags: str, *, here: bool) -> dict[str, FeatureLocation]:
    return features.index() if here else index_remotely(features, beam_flags)


def _encode(
    tasks: list[EncodingTask],
    directory: Path,
    shared: Shared,
    features: FeatureStore,
    settings: EncoderSettings,
) -> None:
    """Has Beam's workers add the features of photos to the store; see `extract_features`."""
    flags = settings.beam_flags
    with temporary_folder(flags) as folder:
        paths = stage_files([task.path for task in tasks], folder)
        photos = [
            PhotoFile(task.image_id, path, task.sha256)
            for task, path in zip(tasks, paths, strict=True)
        ]
        step = EncodeImages(
            directory, shared, features, settings.encoder_batch, len(photos), folder
        )
        lists = folder or str(features.scratch)
        run_in_batches(step, photos, flags, folder=lists, needed=paths)
