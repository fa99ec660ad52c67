import numpy as np
import tensorflow as tf

from components.artifacts.example_records import shard_count, shard_name, to_example


def test_shard_count_is_one_per_thousand_records() -> None:
    assert [shard_count(n) for n in (0, 1, 1000, 1001, 5996)] == [0, 1, 1, 2, 6]


def test_shard_name_has_index_and_count() -> None:
    assert shard_name("train", 3, 12) == "train-00003-of-00012.tfrecord"


def test_to_example_is_parsed_by_tensorflow() -> None:
    record = to_example(
        "a.jpg",
        np.array([1.0, -2.0], np.float16),
        [[4, 5, 6], [], [7]],
        ["a dog runs", "", "hündchen"],
    )
    example = tf.train.Example.FromString(record)
    values = example.features.feature
    assert values["image_id"].bytes_list.value[:] == [b"a.jpg"]
    # IEEE half precision, little-endian: 1.0 is 3c00, -2.0 is c000.
    assert values["feature"].bytes_list.value[:] == [bytes.fromhex("003c00c0")]
    assert values["tokens"].int64_list.value[:] == [4, 5, 6, 7]
    assert values["token_counts"].int64_list.value[:] == [3, 0, 1]
    assert values["references"].bytes_list.value[:] == [b"a dog runs", b"", "hündchen".encode()]
