"""Writing the examples artifact: names of its shards, and the record of a photo.

`features` writes them; `examples` reads them.
"""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

#: Features are stored as IEEE half precision, little-endian.
FEATURE_TYPE = np.dtype("<f2")

_RECORDS_A_SHARD = 1000


def shard_count(records: int) -> int:
    """Returns the number of shards of a split with the given number of records."""
    return -(-records // _RECORDS_A_SHARD)


def shard_name(split: str, index: int, count: int) -> str:
    """Returns a shard's file name."""
    return f"{split}-{index:05d}-of-{count:05d}.tfrecord"


def to_example(
    image_id: str,
    feature: NDArray[np.float16],
    tokens: Sequence[Sequence[int]],
    references: Sequence[str],
) -> bytes:
    """Serialises a photo's record.

    Args:
        image_id: As in the manifest.
        feature: float16 [D].
        tokens: Vocabulary ids of each caption.
        references: Each caption, normalised.

    Returns:
        A serialised tf.train.Example; the same bytes for the same values.
    """
    flat = [token for caption in tokens for token in caption]
    features = {
        "image_id": _bytes([image_id.encode()]),
        "feature": _bytes([feature.astype(FEATURE_TYPE).tobytes()]),
        "tokens": _integers(flat),
        "token_counts": _integers([len(caption) for caption in tokens]),
        "references": _bytes([reference.encode() for reference in references]),
    }
    example = tf.train.Example(features=tf.train.Features(feature=features))
    serialised: bytes = example.SerializeToString(deterministic=True)
    return serialised


def _bytes(values: list[bytes]) -> tf.train.Feature:
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=values))


def _integers(values: list[int]) -> tf.train.Feature:
    return tf.train.Feature(int64_list=tf.train.Int64List(value=values))
