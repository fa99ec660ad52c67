"""Beam and TFT pipeline: from captions to the vocabulary, the TFT graph and token ids."""

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import apache_beam as beam
import pyarrow as pa
import pyarrow.parquet as pq
import tensorflow as tf
import tensorflow_transform as tft
import tensorflow_transform.beam as tft_beam
from apache_beam.io.parquetio import WriteToParquet
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx_bsl.public.tfxio import TensorAdapterConfig

from components.captioning.model.normalizer import NORMALIZER
from components.captioning.model.vocabulary import SPECIAL_TOKENS, UNK
from components.runtime.beam import beam_pipeline, unwrapped_errors
from components.runtime.beam_lists import ReadRowGroups
from components.runtime.beam_workers import results_missing
from components.settings.beam_flags import temp_location

#: Names in the TFT graph: raw captions as input; normalised captions and token ids as outputs.
CAPTION, REFERENCE, TOKENS = "caption", "reference", "tokens"
_VOCABULARY = "vocabulary"
# Passthrough keys, which map each result to its photo and its position among the captions.
_PHOTO, _POSITION = "photo", "position"
_BATCH = 1024

# Captions in a file, with a row group for each batch.
_FILE_SCHEMA = pa.schema([(CAPTION, pa.binary()), (_PHOTO, pa.int64()), (_POSITION, pa.int64())])
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
    """A raw caption.

    Attributes:
        photo: Its photo's index.
        position: Its position among the photo's captions.
        text: Its text.
    """

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
        train: The captions from which the vocabulary is learned, photo by photo.
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
    # With a temp location, workers don't see this directory, so TFT runs in this process: it passes
    # its graphs to workers with tf.io.gfile, which can't open s3:// and ignores the endpoints and
    # credentials of `components.storage` for gs:// (infra/flink/README.md).
    flags = "" if temp_location(beam_flags) else beam_flags
    train_source = _batches(train, temporary / "train.parquet", flags)
    source = _batches(captions, temporary / "captions.parquet", flags)
    config = _input_config()
    preprocessing = partial(preprocessing_fn, min_count=min_count)
    keys = {_PHOTO, _POSITION}
    with (
        unwrapped_errors(),
        beam_pipeline(flags) as pipeline,
        tft_beam.Context(temp_dir=str(temporary), passthrough_keys=keys),
    ):
        train_batches = pipeline | "Train captions" >> train_source
        all_batches = pipeline | "All captions" >> source
        graph = (train_batches, config) | "Learn" >> tft_beam.AnalyzeDataset(preprocessing)
        graph | "Save graph" >> tft_beam.WriteTransformFn(str(directory))
        transformed, _ = ((all_batches, config), graph) | "Apply" >> tft_beam.TransformDataset(
            output_record_batches=True
        )
        (
            transformed
            | "By photo" >> beam.FlatMapTuple(_photo_rows)
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


def _batches(captions: Iterable[Caption], path: Path, beam_flags: str) -> beam.PTransform:
    """Reads captions as Arrow record batches with `_BATCH_SCHEMA`, each photo's in one batch.

    The captions are written to a file first: the graph of the job would hold all that `beam.Create`
    is given.
    """
    read = partial(_read_batch, str(path))
    count = _write_batches(captions, path)
    return ReadRowGroups(count, read, beam_flags=beam_flags, needed=[str(path)])


def _write_batches(captions: Iterable[Caption], path: Path) -> int:
    """Writes captions as one row group per batch, and returns the number of batches."""
    count, batch = 0, list[Caption]()
    with pq.ParquetWriter(path, _FILE_SCHEMA) as writer:
        for _, of_photo in groupby(captions, key=lambda caption: caption.photo):
            batch += of_photo
            if len(batch) >= _BATCH:
                writer.write_table(_table(batch))
                count, batch = count + 1, []
        if batch:
            writer.write_table(_table(batch))
            count += 1
    return count


def _table(captions: Sequence[Caption]) -> pa.Table:
    columns = {
        CAPTION: [caption.text.encode() for caption in captions],
        _PHOTO: [caption.photo for caption in captions],
        _POSITION: [caption.position for caption in captions],
    }
    return pa.Table.from_pydict(columns, _FILE_SCHEMA)


def _read_batch(path: str, number: int) -> pa.RecordBatch:
    table = pq.ParquetFile(path).read_row_group(number)
    # [B] -> [B, 1]
    starts = pa.array(range(len(table) + 1), pa.int32())
    columns = [
        pa.ListArray.from_arrays(starts, table[name].combine_chunks())
        for name in _BATCH_SCHEMA.names
    ]
    return pa.RecordBatch.from_arrays(columns, schema=_BATCH_SCHEMA)


def _photo_rows(
    batch: pa.RecordBatch, _: dict[str, pa.Array]
) -> Iterator[dict[str, int | list[str] | list[list[int]]]]:
    """Yields a row of `RESULT_SCHEMA` for each photo of a transformed batch."""
    # Captions without a word, such as punctuation only, are dropped.
    rows = [row for row in batch.to_pylist() if row[TOKENS]]
    for photo, of_photo in groupby(rows, key=lambda row: row[_PHOTO][0]):
        captions = sorted(of_photo, key=lambda row: row[_POSITION][0])
        yield {
            _PHOTO: photo,
            "references": [row[REFERENCE][0].decode() for row in captions],
            "tokens": [row[TOKENS] for row in captions],
        }
