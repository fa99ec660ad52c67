"""From photos and captions to the examples artifact."""

import logging
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import apache_beam as beam
import numpy as np
import tensorflow as tf
from apache_beam.ml.inference.base import PredictionResult, RunInference

from components.captioning.encoder import Encoder, EncoderIdentity
from components.captioning.weights import RANDOM
from components.features.inference import EncoderHandler
from components.features.tasks import EncodingTask, plan_tasks, read_photo
from components.platform.artifacts import whole_directory
from components.platform.beam import beam_pipeline
from components.platform.captions import read_captions
from components.platform.errors import CaptionflowError, DataError, SettingError
from components.platform.manifest import read_manifest
from components.platform.records import to_example

logger = logging.getLogger(__name__)

MIN_BATCH = 32
# Photos that random weights are calibrated on.
_CALIBRATION_PHOTOS = 64
# Batches that a worker gets at once: it decodes the later ones while it computes the first.
_BATCHES_AT_ONCE = 4


def extract_features(
    manifest: str | Path,
    captions: str | Path,
    directory: str | Path,
    *,
    encoder: str,
    encoder_weights: str,
    encoder_batch: int,
    seed: int,
    beam_flags: str,
) -> dict[str, Any]:
    """Encodes every captioned photo.

    1. The encoder is made once, calibrated if its weights are random, and saved.
    2. Beam's workers load it, read the photos and encode them in batches.
    3. Records go to shards by split, ordered by image id. The same input gives the same bytes.

    Args:
        manifest: The manifest artifact.
        captions: The captions artifact.
        directory: Where the examples artifact goes, whole or not at all.
        encoder: A network of keras.applications.
        encoder_weights: "imagenet", "random", or the local or `gs://` path of a weights file.
        encoder_batch: Photos that are encoded at once, 32 or more.
        seed: Of random weights.
        beam_flags: How Beam runs, as on a command line.

    Returns:
        Facts: photos in all and by split, and what identifies the encoder.

    Raises:
        SettingError: If encoder, encoder_batch or beam_flags break their rules.
        DataError: If weights can't be had, or a photo is not as `ingest` found it.
    """
    if encoder_batch < MIN_BATCH:
        raise SettingError(f"encoder_batch must be at least {MIN_BATCH}. Received: {encoder_batch}")
    tasks = plan_tasks(read_manifest(manifest), read_captions(captions))
    with whole_directory(directory) as aside:
        identity = _prepare_encoder(aside, tasks, encoder, encoder_weights, seed)
        started = time.perf_counter()
        _encode(tasks, aside, encoder_batch, beam_flags)
        seconds = time.perf_counter() - started
    logger.info("%d photos in %.0f s, %.1f photos/s", len(tasks), seconds, len(tasks) / seconds)
    return {
        "photos": len(tasks),
        **Counter(f"{task.split}_photos" for task in tasks),
        "encoder_network": identity.network,
        "encoder_weights": identity.weights,
        "encoder_sha256": identity.sha256,
        "width": identity.width,
    }


def _prepare_encoder(
    directory: Path, tasks: list[EncodingTask], network: str, weights: str, seed: int
) -> EncoderIdentity:
    encoder = Encoder.build(network, weights, seed=seed)
    if weights == RANDOM:
        train = sorted(
            (task for task in tasks if task.split == "train"), key=lambda task: task.sha256
        )
        if not train:
            raise DataError("Random weights must be calibrated on train photos, and there are none")
        size = encoder.identity.size
        photos = [read_photo(task, size) for task in train[:_CALIBRATION_PHOTOS]]
        encoder.calibrate(np.stack(photos))  # uint8 [B, size, size, 3]
    encoder.save(directory)
    return encoder.identity


def _encode(tasks: list[EncodingTask], directory: Path, batch_size: int, beam_flags: str) -> None:
    # Batches are made here: full ones, and the same however the runner cuts its bundles.
    several = _BATCHES_AT_ONCE * batch_size
    batches = [tasks[start : start + several] for start in range(0, len(tasks), several)]
    handler = EncoderHandler(directory, batch_size, len(tasks)).with_no_batching()
    try:
        with beam_pipeline(beam_flags) as pipeline:
            _ = (
                pipeline
                | "Photos" >> beam.Create(batches)
                | "Spread" >> beam.Reshuffle()
                | "Encode" >> RunInference(handler)
                | "ToRecords" >> beam.Map(_record)
                | "ByShard" >> beam.GroupByKey()
                | "Write" >> beam.Map(_write_shard, directory)
            )
    except CaptionflowError as error:
        # Beam adds in which transform it was raised, which helps nobody to mend it.
        raise type(error)(str(error).partition(" [while running")[0]) from error
    missing = {task.shard for task in tasks if not (directory / task.shard).exists()}
    if missing:
        raise SettingError(
            "beam_flags must name a runner whose workers share this machine's files. "
            f"Received {beam_flags!r}, and these shards are missing: {', '.join(sorted(missing))}"
        )


def _record(result: PredictionResult) -> tuple[str, tuple[str, bytes]]:
    task = result.example
    record = to_example(task.image_id, result.inference, task.tokens, task.references)
    return task.shard, (task.image_id, record)


def _write_shard(shard: tuple[str, Iterable[tuple[str, bytes]]], directory: Path) -> None:
    name, records = shard
    with tf.io.TFRecordWriter(str(directory / name)) as writer:
        for _, record in sorted(records):
            writer.write(record)
