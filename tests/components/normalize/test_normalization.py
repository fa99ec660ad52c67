"""One small data set, normalised once for all tests: each TFT run takes seconds."""

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tensorflow as tf
import tensorflow_transform as tft
from kfp.dsl import Dataset

from components.artifacts.captions import CaptionedPhoto, read_captions
from components.artifacts.checksums import write_checksums
from components.artifacts.manifest import Photo, write_manifest
from components.captioning.model.normalizer import Normalizer
from components.captioning.model.vocabulary import SPECIAL_TOKENS, UNK, Vocabulary
from components.errors import DataError
from components.normalize.component import normalize
from components.normalize.normalization import normalize_captions

PHOTOS = [
    ("dog.jpg", "train", ["A big dog runs.", "The man's dog", "A DOG, a big one!", "..."]),
    ("cat.jpg", "train", ["A cat \u2014 été", "a T-shirt cat; &Eacute;T&#xc9;", "dog runs a dog"]),
    ("newt.jpg", "dev", ["A newt runs, newt newt", "A dog"]),
    ("empty.jpg", "dev", ["?!"]),
    ("axolotl.jpg", "test", ["Axolotl axolotl axolotl"]),
]


def _photos() -> list[Photo]:
    return [
        Photo(image_id, f"photos/{image_id}", "0" * 64, 4, 4, split, tuple(captions))
        for image_id, split, captions in PHOTOS
    ]


def _manifest(directory: Path, photos: Sequence[Photo]) -> Path:
    directory.mkdir()
    write_manifest(directory, sorted(photos, key=lambda photo: photo.image_id))
    return directory


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _manifest(tmp_path_factory.mktemp("normalize") / "manifest", _photos())


@pytest.fixture(scope="module")
def artifact(manifest: Path) -> Path:
    directory = manifest.parent / "captions"
    report = normalize_captions(manifest, directory, min_count=2)
    assert report == json.loads((directory / "report.json").read_text())
    return directory


@pytest.fixture(scope="module")
def reversed_rows(manifest: Path) -> Dataset:
    """The same photos in another order, normalised by the KFP component."""
    rows = pq.read_table(manifest / "manifest.parquet")
    directory = manifest.parent / "reversed-manifest"
    directory.mkdir()
    backwards = rows.take(pa.array(range(rows.num_rows - 1, -1, -1)))
    pq.write_table(backwards, directory / "manifest.parquet")
    write_checksums(directory)
    captions = Dataset(name="captions", uri=str(manifest.parent / "reversed-captions"))
    normalize.python_func(
        manifest=Dataset(uri=str(directory)), min_count=2, beam_flags="", captions=captions
    )
    return captions


def test_normalize_captions_vocabulary_is_of_train_ordered_by_count(artifact: Path) -> None:
    # Train has a 6 times, dog 5 times, and four words twice (in reverse alphabetical order);
    # newt and axolotl occur three times, but not in train.
    assert Vocabulary.load(artifact / "vocabulary.txt").words == (
        *SPECIAL_TOKENS,
        "a",
        "dog",
        "été",
        "runs",
        "cat",
        "big",
    )


def test_normalize_captions_keeps_the_order_of_captions(artifact: Path) -> None:
    assert read_captions(artifact) == [
        CaptionedPhoto("axolotl.jpg", "test", ("axolotl axolotl axolotl",), ((UNK, UNK, UNK),)),
        CaptionedPhoto(
            "cat.jpg",
            "train",
            ("a cat été", "a t shirt cat été", "dog runs a dog"),
            ((4, 8, 6), (4, UNK, UNK, 8, 6), (5, 7, 4, 5)),
        ),
        CaptionedPhoto(
            "dog.jpg",
            "train",
            ("a big dog runs", "the mans dog", "a dog a big one"),
            ((4, 9, 5, 7), (UNK, UNK, 5), (4, 5, 4, 9, UNK)),
        ),
        CaptionedPhoto(
            "newt.jpg", "dev", ("a newt runs newt newt", "a dog"), ((4, 3, 7, 3, 3), (4, 5))
        ),
    ]


def test_normalize_captions_report_lists_what_was_dropped(artifact: Path) -> None:
    report = json.loads((artifact / "report.json").read_text())
    assert report["vocabulary_size"] == 10
    assert report["captions_emptied"] == 2
    assert report["photos_without_caption"] == ["empty.jpg"]
    assert report["longest_caption"] == 5
    assert report["splits"]["train"] == {
        "photos": 2,
        "captions": 6,
        "words": 24,
        "unknown_share": 5 / 24,
    }


def test_normalize_captions_saved_graph_gives_the_same_ids(artifact: Path) -> None:
    normalizer = Normalizer.load(artifact)
    assert (artifact / "normalizer.json").exists()
    graph = tft.TFTransformOutput(str(artifact / "transform")).transform_features_layer()
    vocabulary = Vocabulary.load(artifact / "vocabulary.txt")
    known_ids = {word: index for index, word in enumerate(vocabulary.words)}
    raw = {image_id: [c for c in texts if c not in ("...", "?!")] for image_id, _, texts in PHOTOS}
    for photo in read_captions(artifact):
        result = graph({"caption": tf.constant(raw[photo.image_id])})
        references = [text.decode() for text in result["reference"].numpy()]
        tokens = tuple(tuple(ids) for ids in result["tokens"].to_list())
        assert tuple(references) == photo.references
        # The rules beside the graph are those in it.
        assert (
            normalizer(raw[photo.image_id]).numpy().tolist() == result["reference"].numpy().tolist()
        )
        assert tokens == photo.tokens
        for reference, ids in zip(references, tokens, strict=True):
            assert ids == tuple(known_ids.get(word, UNK) for word in reference.split(" "))
            known = [word for word in reference.split(" ") if word in vocabulary.words]
            assert vocabulary.decode(ids) == " ".join(known)


def test_normalize_captions_does_not_depend_on_row_order(
    artifact: Path, reversed_rows: Dataset
) -> None:
    other = Path(reversed_rows.path)
    assert (other / "vocabulary.txt").read_bytes() == (artifact / "vocabulary.txt").read_bytes()
    assert read_captions(other) == read_captions(artifact)


def test_normalize_component_sets_metadata(reversed_rows: Dataset) -> None:
    assert reversed_rows.metadata == {
        "vocabulary_size": 10,
        "longest_caption": 5,
        "train_captions": 6,
        "dev_captions": 2,
        "test_captions": 1,
    }


def test_normalize_captions_min_count_above_all_counts_is_an_error(
    manifest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(DataError, match=r"in the 7 train captions: lower min_count\. Received: 7$"):
        normalize_captions(manifest, tmp_path / "captions", min_count=7)
    # Neither half an artifact nor TFT's temporary files.
    assert list(tmp_path.iterdir()) == []


def test_normalize_captions_without_train_captions_is_an_error(tmp_path: Path) -> None:
    photos = [photo for photo in _photos() if photo.split != "train"]
    manifest = _manifest(tmp_path / "manifest", photos)
    with pytest.raises(DataError, match="train split must have captions"):
        normalize_captions(manifest, tmp_path / "captions", min_count=1)
