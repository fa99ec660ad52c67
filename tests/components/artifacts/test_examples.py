import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from components.artifacts import examples as examples_module
from components.artifacts.example_records import shard_name, to_example
from components.artifacts.examples import ExampleShards, read_examples
from components.artifacts.files import ENCODER_FILE
from components.errors import DataError

TOKENS = ((4, 5, 6), (), (7,))
REFERENCES = ("a dog runs", "", "hündchen")


def record(image_id: str, *feature: float) -> bytes:
    return to_example(image_id, np.array(feature, np.float16), TOKENS, REFERENCES)


def write(directory: Path, *shards: Sequence[bytes], split: str = "train", width: int = 2) -> None:
    (directory / ENCODER_FILE).write_text(json.dumps({"width": width}))
    for index, records in enumerate(shards):
        path = directory / shard_name(split, index, len(shards))
        with tf.io.TFRecordWriter(str(path)) as writer:
            for each in records:
                writer.write(each)


def test_read_examples_returns_what_was_written(tmp_path: Path) -> None:
    write(tmp_path, [record("a.jpg", 1.5, -2)])
    examples = read_examples(tmp_path, "train")
    assert examples.image_ids == ["a.jpg"]
    assert examples.features.dtype == np.float16
    assert examples.features.tolist() == [[1.5, -2.0]]
    assert examples.tokens == [TOKENS]
    assert examples.references == [REFERENCES]


@pytest.mark.parametrize("shards", [1, 2, 3])
def test_read_examples_is_the_same_for_any_sharding(tmp_path: Path, shards: int) -> None:
    records = [record("c", 3, 3), record("a", 1, 1), record("b", 2, 2)]
    write(tmp_path, *(records[index::shards] for index in range(shards)))
    examples = read_examples(tmp_path, "train")
    assert examples.image_ids == ["a", "b", "c"]
    assert examples.features.tolist() == [[1, 1], [2, 2], [3, 3]]


def test_read_examples_reads_one_split(tmp_path: Path) -> None:
    write(tmp_path, [record("a", 1, 1)])
    write(tmp_path, [record("b", 2, 2)], split="dev")
    assert read_examples(tmp_path, "dev").image_ids == ["b"]


def test_read_examples_without_shards_is_an_error(tmp_path: Path) -> None:
    write(tmp_path, [record("a", 1, 1)])
    with pytest.raises(DataError, match=r"split 'test'.* unexpected: all"):
        read_examples(tmp_path, "test")


def test_read_examples_with_a_missing_shard_names_it(tmp_path: Path) -> None:
    write(tmp_path, [record("a", 1, 1)], [record("b", 2, 2)])
    (tmp_path / "train-00001-of-00002.tfrecord").unlink()
    with pytest.raises(DataError, match=r"unexpected: train-00001-of-00002.tfrecord"):
        read_examples(tmp_path, "train")


def test_read_examples_with_shards_of_two_sets_names_the_unexpected(tmp_path: Path) -> None:
    write(tmp_path, [record("a", 1, 1)])
    write(tmp_path, [record("a", 1, 1)], [record("b", 2, 2)])
    with pytest.raises(DataError, match=r"unexpected: train-00000-of-00001.tfrecord"):
        read_examples(tmp_path, "train")


def test_read_examples_without_records_is_an_error(tmp_path: Path) -> None:
    write(tmp_path, [])
    with pytest.raises(DataError, match="'train' has no examples"):
        read_examples(tmp_path, "train")


def flip_bit(content: bytes) -> bytes:
    return content[:20] + bytes([content[20] ^ 1]) + content[21:]


@pytest.mark.parametrize("damage", [flip_bit, lambda content: content[:-3]])
def test_read_examples_with_a_corrupt_record_names_the_file(
    tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    write(tmp_path, [record("a", 1, 1)], [record("b", 2, 2)])
    shard = tmp_path / "train-00001-of-00002.tfrecord"
    shard.write_bytes(damage(shard.read_bytes()))
    with pytest.raises(DataError, match=r"train-00001-of-00002.tfrecord is damaged"):
        read_examples(tmp_path, "train")


def example(**features: tf.train.Feature) -> bytes:
    message = tf.train.Example.FromString(record("a", 1, 1))
    for name, feature in features.items():
        message.features.feature[name].CopyFrom(feature)
    return bytes(message.SerializeToString())


INTEGERS = tf.train.Feature(int64_list=tf.train.Int64List(value=[1, 1]))
LETTERS = tf.train.Feature(bytes_list=tf.train.BytesList(value=[b"\xff"]))


@pytest.mark.parametrize(
    "invalid",
    [
        b"not an example",
        tf.train.Example().SerializeToString(),
        example(image_id=INTEGERS),
        example(image_id=LETTERS),
        example(token_counts=INTEGERS),  # Two captions of one token, but there are four tokens.
    ],
)
def test_read_examples_with_an_invalid_record_names_the_file(
    tmp_path: Path, invalid: bytes
) -> None:
    write(tmp_path, [invalid])
    with pytest.raises(DataError, match=r"train-00000-of-00001.tfrecord is damaged"):
        read_examples(tmp_path, "train")


def test_read_examples_with_fewer_references_than_captions_names_the_photo(tmp_path: Path) -> None:
    write(tmp_path, [to_example("a.jpg", np.zeros(2, np.float16), TOKENS, ("one",))])
    with pytest.raises(DataError, match=r"a.jpg: 3 and 1"):
        read_examples(tmp_path, "train")


def test_read_examples_of_another_width_names_both(tmp_path: Path) -> None:
    write(tmp_path, [record("a", 1, 1), record("b", 1, 1, 1)])
    with pytest.raises(DataError, match=r"2 dimensions, .*encoder\.json.* b: 3"):
        read_examples(tmp_path, "train")


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"width": "2"}', '{"width": 0}'])
def test_read_examples_with_an_invalid_encoder_file_names_it(tmp_path: Path, content: str) -> None:
    write(tmp_path, [record("a", 1, 1)])
    (tmp_path / ENCODER_FILE).write_text(content)
    with pytest.raises(
        DataError, match=r"width in .*encoder.json|encoder.json must have the width"
    ):
        read_examples(tmp_path, "train")


def test_example_shards_yield_blocks_of_a_fixed_size_whatever_the_shards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(examples_module, "PHOTOS_A_BLOCK", 2)
    records = [record(name, 1, number) for number, name in enumerate("abcde")]
    write(tmp_path, records[:1], records[1:4], records[4:])
    shards = ExampleShards(tmp_path, "train")
    blocks = list(shards.blocks())
    assert [block.image_ids for block in blocks] == [["a", "b"], ["c", "d"], ["e"]]
    assert [block.features[:, 1].tolist() for block in blocks] == [[0, 1], [2, 3], [4]]
    assert (shards.photos, shards.captions, shards.width) == (5, 15, 2)
    assert shards.size == sum(path.stat().st_size for path in tmp_path.glob("*.tfrecord"))
    assert shards.read(shards.paths[1:2]).image_ids == ["b", "c", "d"]


def test_blocks_are_a_multiple_of_the_batches_of_beam_search() -> None:
    from components.captioning.decoding.beam_search import _BATCH_SIZE

    assert examples_module.PHOTOS_A_BLOCK % _BATCH_SIZE == 0
