"""Reads a shard of the examples artifact; `example_records` writes what it contains."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import tensorflow as tf

from components.artifacts.files import ENCODER_FILE
from components.errors import DataError

#: A record: image id, the bytes of the feature, the token ids and the texts of its captions.
Row = tuple[str, bytes, tuple[tuple[int, ...], ...], tuple[str, ...]]

# Records parsed at once.
_RECORDS_A_BATCH = 500
_SPECIFICATION = {
    "image_id": tf.io.FixedLenFeature([], tf.string),
    "feature": tf.io.FixedLenFeature([], tf.string),
    "tokens": tf.io.RaggedFeature(
        tf.int64, partitions=[tf.io.RaggedFeature.RowLengths("token_counts")], validate=True
    ),
    "references": tf.io.RaggedFeature(tf.string),
}


def read_shard(path: Path, feature_bytes: int) -> list[Row]:
    """Reads all records of a shard.

    Args:
        path: The shard.
        feature_bytes: Bytes of a feature.

    Raises:
        DataError: If the shard is damaged, or a feature or the number of captions is wrong.
    """
    rows: list[Row] = []
    try:
        for batch in tf.data.TFRecordDataset(str(path)).batch(_RECORDS_A_BATCH):
            rows += _parse(tf.io.parse_example(batch, _SPECIFICATION))
    except (tf.errors.DataLossError, tf.errors.InvalidArgumentError, UnicodeDecodeError) as error:
        raise DataError(
            f"{path} is damaged: run the step features again (--no-cache). {error}"
        ) from error
    for image_id, feature, tokens, references in rows:
        if len(feature) != feature_bytes:
            raise DataError(
                f"Features must have {feature_bytes // 2} dimensions, as in {ENCODER_FILE}. "
                f"Received in {path}, {image_id}: {len(feature) / 2:g}"
            )
        if len(tokens) != len(references):
            raise DataError(
                f"A record must have one list of tokens per reference. Received in {path}, "
                f"{image_id}: {len(tokens)} and {len(references)}"
            )
    return rows


def _parse(batch: dict[str, Any]) -> Iterator[Row]:
    # Two ragged levels: photos, captions, tokens. RaggedTensor.to_list takes a hundred times as
    # long, since it slices tensor by tensor.
    tokens, references = batch["tokens"], batch["references"]
    captions = _split(tokens.flat_values.numpy().tolist(), tokens.values.row_splits)
    texts = [text.decode() for text in references.values.numpy()]
    return zip(
        [image_id.decode() for image_id in batch["image_id"].numpy()],
        batch["feature"].numpy(),
        _split(captions, tokens.row_splits),
        _split(texts, references.row_splits),
        strict=True,
    )


def _split(values: list[Any], splits: tf.Tensor) -> list[tuple[Any, ...]]:
    return [tuple(values[start:end]) for start, end in pairwise(splits.numpy().tolist())]
