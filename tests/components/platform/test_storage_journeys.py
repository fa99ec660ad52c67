"""What the pipeline carries through buckets: a data set in; artifacts and a bundle out and back."""

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest
from google.cloud import storage
from PIL import Image

from components.artifacts.examples import ENCODER_FILE, read_examples, shard_name, to_example
from components.artifacts.files import write_json
from components.artifacts.fingerprint import fingerprint_tree
from components.artifacts.manifest import read_manifest
from components.captioning.decoding.reranking import RerankerData
from components.captioning.decoding.search import DecodingConfig
from components.captioning.inference.bundle import Bundle
from components.captioning.model.decoder import ModelConfig
from components.captioning.model.ensemble import build_network
from components.captioning.model.vocabulary import SPECIAL_TOKENS, Vocabulary
from components.ingest.run import ingest_dataset
from components.platform.storage import local_copy, upload

_WORDS = (*SPECIAL_TOKENS, "a", "red", "blue", "circle")


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """A zip in Kaggle's layout: 40 photos, one caption each."""
    images = tmp_path / "data" / "Images"
    images.mkdir(parents=True)
    with (images.parent / "captions.txt").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["image", "caption"])
        for number in range(40):
            Image.new("RGB", (24, 20), (6 * number, 0, 90)).save(images / f"{number:02}.png")
            rows.writerow([f"{number:02}.png", f"Photo {number}"])
    return Path(shutil.make_archive(str(tmp_path / "flickr"), "zip", tmp_path / "data"))


def _ingest(dataset: str, directory: Path) -> None:
    ingest_dataset(
        dataset,
        directory,
        scenes=40,
        seed=0,
        dev_share=0.3,
        test_share=0.3,
        max_quarantined=0.0,
        beam_flags="",
    )


@pytest.mark.usefixtures("bucket")
def test_data_set_comes_from_a_bucket_and_its_manifest_goes_back_to_one(
    archive: Path, tmp_path: Path
) -> None:
    upload(archive, "gs://photos/sets/flickr.zip")
    _ingest("gs://photos/sets/flickr.zip", tmp_path / "far")
    _ingest(str(archive), tmp_path / "near")
    assert fingerprint_tree(tmp_path / "far") == fingerprint_tree(tmp_path / "near")

    assert upload(tmp_path / "far", "gs://photos/run/manifest") == 42
    copy = local_copy("gs://photos/run/manifest", tmp_path / "pod")
    assert fingerprint_tree(copy) == fingerprint_tree(tmp_path / "far")
    photos = read_manifest(copy)
    assert len(photos) == 40
    assert Path(photos[7].uri).read_bytes() == (tmp_path / "data/Images/07.png").read_bytes()


def test_examples_go_to_a_bucket_and_come_back_readable(
    bucket: storage.Bucket, tmp_path: Path
) -> None:
    import tensorflow as tf

    (tmp_path / "examples").mkdir()
    write_json(tmp_path / "examples" / ENCODER_FILE, {"width": 2})
    for index in range(2):
        name = shard_name("train", index, 2)
        with tf.io.TFRecordWriter(str(tmp_path / "examples" / name)) as writer:
            feature = np.array([index, 0.5], np.float16)
            writer.write(to_example(f"{index}.png", feature, [(4, 7)], ["a circle"]))
    upload(tmp_path / "examples", "gs://photos/run/examples")
    assert {blob.name for blob in bucket.list_blobs()} == {
        f"run/examples/{path.name}" for path in (tmp_path / "examples").iterdir()
    }
    copy = local_copy("gs://photos/run/examples", tmp_path / "pod")
    assert fingerprint_tree(copy) == fingerprint_tree(tmp_path / "examples")
    examples = read_examples(copy, "train")
    assert examples.image_ids == ["0.png", "1.png"]
    assert examples.features.tolist() == [[0, 0.5], [1, 0.5]]


@pytest.mark.usefixtures("bucket")
def test_bundle_goes_to_a_bucket_and_says_the_same_elsewhere(tmp_path: Path) -> None:
    config = ModelConfig(
        vocabulary_size=len(_WORDS),
        feature_width=5,
        embedding_width=4,
        units=8,
        dropout=0.0,
        train_embeddings=True,
    )
    # A seed whose captions of the photos have words, and differ.
    reranker_data = RerankerData(np.zeros((1, config.feature_width), np.float16), [("a",)])
    bundle = Bundle(
        build_network(config, seed=1),
        Vocabulary([*_WORDS]),
        DecodingConfig(2, 1.0, 5),
        reranker_data,
    )
    (tmp_path / "model").mkdir()
    bundle.save(tmp_path / "model")
    upload(tmp_path / "model", "gs://photos/models/7")

    copy = local_copy("gs://photos/models/7", tmp_path / "pod")
    assert fingerprint_tree(copy) == fingerprint_tree(tmp_path / "model")
    features = np.random.default_rng(3).normal(scale=3, size=(4, 5))
    said = Bundle.load(copy).captions(features)
    assert said == bundle.captions(features)
    assert len(set(said)) > 1
