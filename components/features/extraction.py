"""From photos and captions to the examples artifact."""

import logging
import shutil
import time
from collections import Counter
from collections.abc import Mapping
from functools import partial
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import apache_beam as beam
import tensorflow as tf
from apache_beam.utils.shared import Shared

from components.artifacts.captions import read_captions
from components.artifacts.examples import to_example
from components.artifacts.files import atomic_directory
from components.artifacts.manifest import read_manifest
from components.captioning.encoder.dead_leaves import draw_dead_leaves
from components.captioning.encoder.encoder import Encoder
from components.captioning.encoder.precision import Precision, choose_precision
from components.captioning.encoder.spec import EncoderSpec
from components.captioning.encoder.weights import IMAGENET, RANDOM
from components.captioning.model.normalizer import Normalizer
from components.errors import SettingError
from components.features.encoding import EncodeImages
from components.features.key import encoder_key
from components.features.shards import read_feature_shard
from components.features.store import FeatureStore, Place
from components.features.tasks import EncodingTask, plan_tasks
from components.runtime.beam import beam_pipeline, unwrapped_errors
from components.settings.encoder import EncoderSettings
from components.storage.transfer import local_copy

logger = logging.getLogger(__name__)

# Pictures that random weights are calibrated on.
_CALIBRATION_PICTURES = 64
# A worker gets so many photos at once: if it is killed, they are what is lost.
_PHOTOS_AT_ONCE = 512
# But there are at least so many such lists, for several workers.
_LISTS = 16
_SCRATCH = ".features"


def extract_features(
    manifest: str | Path,
    captions: str | Path,
    directory: str | Path,
    settings: EncoderSettings,
) -> dict[str, Any]:
    """Encodes every captioned photo.

    1. Features that the store has are taken from there; so is the encoder. If all are there, no
       network is loaded, and no photo is read.
    2. Else the encoder is made once and kept in the store, before any of its features. Beam's
       workers read the photos that are missing, encode them in full batches and put the features
       into the store, segment by segment: what a killed run has put there the next one finds.
    3. Records go to shards by split, ordered by image id. The same input gives the same bytes.

    Args:
        manifest: The manifest artifact.
        captions: The captions artifact.
        directory: Where the examples artifact goes, whole or not at all.
        settings: Encoder, feature store, and how Beam runs.

    Returns:
        Facts: photos in all, by split and of them encoded in this run; what identifies the encoder.

    Raises:
        SettingError: If encoder, encoder_batch, precision, beam_flags or store break their rules,
            or a worker has not the precision that was chosen here.
        DataError: If weights can't be had, a photo is not as `ingest` found it, or the captions'
            normaliser is broken.
        CaptionflowError: If the store's bucket does not answer.
    """
    computing = choose_precision(settings.precision, settings.encoder, settings.encoder_weights)
    tasks = plan_tasks(read_manifest(manifest), read_captions(captions))
    normalizer = Normalizer.load(Path(captions))
    started = time.perf_counter()
    with atomic_directory(directory) as aside:
        kept = _open_store(settings, aside, computing)
        places = kept.index()
        # Each photo once, whatever it is called.
        missing = list({t.sha256: t for t in tasks if t.sha256 not in places}.values())
        found = len(tasks) - len(missing)
        if settings.store:
            logger.info("%d of %d photos are in the store", found, len(tasks))
        shared = Shared()
        if not kept.take_encoder(aside):
            # Workers in this process go on with what was made, others read what is saved.
            made = shared.acquire(partial(_make_encoder, settings, computing))
            made.save(aside)
            # Before any feature: those of a killed run would else be taken for the next one's.
            kept.keep_encoder(aside)
        if missing:
            step = EncodeImages(aside, shared, kept, settings.encoder_batch, len(missing))
            _encode(missing, step, settings.encoder_batch, settings.beam_flags)
            places = kept.index()
        _write_records(tasks, places, kept.scratch, aside, settings.beam_flags)
        kept.finish({places[task.sha256][0] for task in tasks})
        shutil.rmtree(kept.scratch)
        # The records hold references: what made them goes along.
        normalizer.save(aside)
        spec = EncoderSpec.load(aside)
    seconds = time.perf_counter() - started
    logger.info("%d photos in %.0f s, %.1f photos/s", len(tasks), seconds, len(tasks) / seconds)
    return {
        "photos": len(tasks),
        **Counter(f"{task.split}_photos" for task in tasks),
        "encoded_photos": len(missing),
        "encoder_network": spec.network,
        "encoder_weights": spec.weights,
        "encoder_sha256": spec.sha256,
        "encoder_precision": spec.precision,
        "width": spec.width,
    }


def _open_store(settings: EncoderSettings, directory: Path, precision: Precision) -> FeatureStore:
    scratch = directory / _SCRATCH
    scratch.mkdir()
    folder = ""
    if settings.store:
        key = encoder_key(settings.encoder, settings.encoder_weights, settings.seed, precision)
        folder = f"{settings.store.rstrip('/')}/{key}"
    kept = FeatureStore(folder, scratch)
    kept.fetch()
    return kept


def _make_encoder(settings: EncoderSettings, precision: Precision) -> Encoder:
    weights, seed = settings.encoder_weights, settings.seed
    with TemporaryDirectory(prefix="captionflow-weights-") as directory:
        if weights not in (IMAGENET, RANDOM):
            weights = str(local_copy(weights, Path(directory)))
        encoder = Encoder.build(
            settings.encoder,
            weights,
            seed=seed,
            batch_size=settings.encoder_batch,
            precision=precision,
        )
    if weights == RANDOM:
        # Not photos: it would be another encoder with each change of the data.
        encoder.calibrate(draw_dead_leaves(_CALIBRATION_PICTURES, encoder.spec.size, seed))
    return encoder


def _encode(
    tasks: list[EncodingTask], step: EncodeImages, batch_size: int, beam_flags: str
) -> None:
    # Batches are made here: full ones, and the same however the runner cuts its bundles.
    batches = min(_PHOTOS_AT_ONCE // batch_size, len(tasks) // (_LISTS * batch_size))
    several = max(batches, 1) * batch_size
    lists = [tasks[start : start + several] for start in range(0, len(tasks), several)]
    with unwrapped_errors(), beam_pipeline(beam_flags) as pipeline:
        _ = (
            pipeline
            | "Photos" >> beam.Create(lists)
            | "Spread" >> beam.Reshuffle()
            | "Encode" >> beam.ParDo(step)
        )


def _write_records(
    tasks: list[EncodingTask],
    places: Mapping[str, Place],
    segments: Path,
    directory: Path,
    beam_flags: str,
) -> None:
    lost = [task.image_id for task in tasks if task.sha256 not in places]
    if not lost:
        shards = [
            (name, [(task, places[task.sha256]) for task in of_one])
            for name, of_one in groupby(tasks, key=lambda task: task.shard)
        ]
        with beam_pipeline(beam_flags) as pipeline:
            _ = (
                pipeline
                | "Shards" >> beam.Create(shards)
                | "SpreadShards" >> beam.Reshuffle()
                | "Write" >> beam.Map(_write_shard, segments, directory)
            )
        lost = [name for name, _ in shards if not (directory / name).exists()]
    if lost:
        raise SettingError(
            "beam_flags must name a runner whose workers share this machine's files. "
            f"Received {beam_flags!r}, and {len(lost)} results are missing, such as {lost[0]}"
        )


def _write_shard(
    shard: tuple[str, list[tuple[EncodingTask, Place]]], segments: Path, directory: Path
) -> None:
    name, tasks = shard
    # Read where they lie: no more is in memory than what is written now.
    opened = {
        segment: read_feature_shard(segments / segment)[1] for segment in {p[0] for _, p in tasks}
    }
    with tf.io.TFRecordWriter(str(directory / name)) as writer:
        for task, (segment, row) in tasks:
            feature = opened[segment][row]
            writer.write(to_example(task.image_id, feature, task.tokens, task.references))
