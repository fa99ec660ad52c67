"""Beam and TFT pipeline: from captions to the vocabulary, the TFT graph and token ids."""

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import apache_beam as beam
import pyarrow as pa
import tensorflow as tf
import tensorflow_transform as tft
import tensorflow_transform.beam as tft_beam
from apache_beam.io.parquetio import WriteToParquet
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx_bsl.public.tfxio import TensorAdapterConfig

from components.captioning.model.normalizer import NORMALIZER
from components.captioning.model.vocabulary import SPECIAL_TOKENS, UNK
from components.runtime.beam import beam_pipeline, unwrapped_errors
from components.runtime.beam_workers import RequireReadable, results_missing
from components.settings.beam_flags import temp_location

#: Names in the TFT graph: raw captions as input; normalised captions and token ids as outputs.
CAPTION, REFERENCE, TOKENS = "caption", "reference", "tokens"
_VOCABULARY = "vocabulary"
# Passthrough keys, which map each result to its photo and its position among the captions.
_PHOTO, _POSITION = "photo", "position"
_BATCH = 1024

# TFX requires list columns, even for single values.
_BATCH_SCHEMA = pa.schema(
    [
        (CAPTION, pa.list_(pa.binary())),
        (_PHOTO, pa.list_(pa.int64())),
        (_POSITION, pa.list_(pa.int64())),
    ]
)
RESULT_SCHEMA = pa.schema(
    [
        (_PHOTO, pa.int64()),
        ("references", pa.list_(pa.string())),
        ("tokens", pa.list_(pa.list_(pa.int32()))),
    ]
)

# Traced once; TFT calls `preprocessing_fn` five times, and these are most of its operations.
_normalized = tf.function(NORMALIZER)


class Caption(NamedTuple):
    """A raw caption: its photo's index, its position among the photo's captions, its text."""

    photo: int
    position: int
    text: str


def transform_captions(
    train: Iterable[Caption],
    captions: Iterable[Caption],
    directory: Path,
    *,
    min_count: int,
    beam_flags: str,
    temporary: Path,
) -> tuple[list[str], Path]:
    """Learns the vocabulary from the train captions and applies it to all captions.

    Args:
        train: The captions from which the vocabulary is learned.
        captions: All captions to transform, including those of train.
        directory: Output directory of the TFT graph.
        min_count: Minimum number of occurrences of a word in `train`.
        beam_flags: Flags of Beam's runner, see `runtime.beam`. With `--temp_location`, Beam runs
            in this process.
        temporary: Directory for temporary files.

    Returns:
        The vocabulary in the order of its ids: the four special tokens, then words by descending
        count (equal counts in TFT's order, reverse alphabetical); and a directory of Parquet files
        with `RESULT_SCHEMA`, one row per photo that still has a caption.

    Raises:
        SettingError: If Beam's workers can't read and write this machine's files.
    """
    results = temporary / "results"
    marker = temporary / "marker"
    marker.touch()
    # TFT writes with tf.io, which can't be redirected to another store. A temp location means that
    # workers don't see this directory, so TFT then runs in this process.
    flags = "" if temp_location(beam_flags) else beam_flags
    source = partial(_Batches, beam_flags=flags, marker=marker)
    config = _input_config()
    preprocessing = partial(preprocessing_fn, min_count=min_count)
    keys = {_PHOTO, _POSITION}
    with (
        unwrapped_errors(),
        beam_pipeline(flags) as pipeline,
        tft_beam.Context(temp_dir=str(temporary), passthrough_keys=keys),
    ):
        train_batches = pipeline | "Train captions" >> source(list(train))
        all_batches = pipeline | "All captions" >> source(list(captions))
        graph = (train_batches, config) | "Learn" >> tft_beam.AnalyzeDataset(preprocessing)
        graph | "Save graph" >> tft_beam.WriteTransformFn(str(directory))
        transformed, _ = ((all_batches, config), graph) | "Apply" >> tft_beam.TransformDataset(
            output_record_batches=True
        )
        (
            transformed
            | "By photo" >> _ByPhoto()
            | "Write" >> WriteToParquet(str(results / "part"), RESULT_SCHEMA)
        )
    if not results.exists() or not (directory / "transform_fn").exists():
        raise results_missing("no results", beam_flags)
    words = tft.TFTransformOutput(str(directory)).vocabulary_by_name(_VOCABULARY)
    return [word.decode() for word in words], results


def preprocessing_fn(inputs: dict[str, tf.Tensor], *, min_count: int) -> dict[str, tf.Tensor]:
    """Defines the TFT graph.

    Args:
        inputs: `caption`: raw captions, strings of shape [B].
        min_count: See `transform_captions`.

    Returns:
        `reference`: normalised captions, strings of shape [B]; `tokens`: their ids, int64 of
        shape [B, (words)], ragged.
    """
    reference = _normalized(inputs[CAPTION])
    words = tf.strings.split(reference)  # [B] -> [B, (words)]
    vocabulary = tft.vocabulary(
        words,
        # TFT warns about thresholds that every word reaches.
        frequency_threshold=min_count if min_count > 1 else None,
        reserved_tokens=SPECIAL_TOKENS,
        vocab_filename=_VOCABULARY,
    )
    tokens = tft.apply_vocabulary(words, vocabulary, default_value=UNK)
    return {REFERENCE: reference, TOKENS: tokens}


def _input_config() -> TensorAdapterConfig:
    dense = schema_pb2.TensorRepresentation.DenseTensor(
        column_name=CAPTION, shape=schema_pb2.FixedShape()
    )
    caption = schema_pb2.TensorRepresentation(dense_tensor=dense)
    return TensorAdapterConfig(_BATCH_SCHEMA, {CAPTION: caption})


class _Batches(beam.PTransform):
    """Converts captions to Arrow record batches with `_BATCH_SCHEMA`."""

    def __init__(self, captions: Sequence[Caption], *, beam_flags: str, marker: Path) -> None:
        super().__init__()
        self._captions = captions
        self._require = RequireReadable([str(marker)], beam_flags)

    def expand(self, pipeline: beam.Pipeline) -> beam.PCollection:
        return (
            pipeline
            | "Create" >> beam.Create(self._captions)
            | "Require" >> beam.ParDo(self._require)
            | "Batch" >> beam.BatchElements(min_batch_size=_BATCH, max_batch_size=_BATCH)
            | "To Arrow" >> beam.Map(_record_batch)
        )


def _record_batch(captions: list[Caption]) -> pa.RecordBatch:
    columns = {
        CAPTION: [[caption.text.encode()] for caption in captions],
        _PHOTO: [[caption.photo] for caption in captions],
        _POSITION: [[caption.position] for caption in captions],
    }
    return pa.RecordBatch.from_pydict(columns, _BATCH_SCHEMA)


class _ByPhoto(beam.PTransform):
    """Groups transformed captions into rows of `RESULT_SCHEMA`, in their photo's order."""

    def expand(self, batches: beam.PCollection) -> beam.PCollection:
        return (
            batches
            | "Captions" >> beam.FlatMapTuple(_normalised_captions)
            | "Group" >> beam.GroupByKey()
            | "Photos" >> beam.MapTuple(_photo_row)
        )


def _normalised_captions(
    batch: pa.RecordBatch, _: dict[str, pa.Array]
) -> Iterator[tuple[int, tuple[int, str, list[int]]]]:
    for row in batch.to_pylist():
        # Captions without a word, such as punctuation only, are dropped.
        if row[TOKENS]:
            reference = row[REFERENCE][0].decode()
            yield row[_PHOTO][0], (row[_POSITION][0], reference, row[TOKENS])


def _photo_row(
    photo: int, captions: Iterable[tuple[int, str, list[int]]]
) -> dict[str, int | list[str] | list[list[int]]]:
    _, references, tokens = zip(*sorted(captions), strict=True)
    return {_PHOTO: photo, "references": list(references), "tokens": list(tokens)}
