import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components.artifacts.checksums import write_checksums
from components.artifacts.manifest import read_manifest
from components.artifacts.training_photos import TRAINING_PHOTOS_FILE, TrainingPhotos
from components.errors import DataError

Ingest = Callable[..., dict[str, Any]]


@pytest.fixture
def parent(tmp_path: Path) -> Path:
    """The folder of a bundle that was never registered."""
    folder = tmp_path / "parent"
    folder.mkdir()
    return folder


def _sha256(photo: Path) -> str:
    return hashlib.sha256(photo.read_bytes()).hexdigest()


def test_ingest_dataset_leaves_out_test_photos_that_the_parent_was_trained_on(
    ingest: Ingest, flickr8k: Path, parent: Path, tmp_path: Path
) -> None:
    images = flickr8k / "Flicker8k_Dataset"
    # Of six photos, f is in test, e in dev; a second test photo is left.
    lists = flickr8k / "Flickr_8k.testImages.txt"
    lists.write_text(lists.read_text().rstrip() + "\nd.jpg\n")
    train = flickr8k / "Flickr_8k.trainImages.txt"
    train.write_text(train.read_text().replace("d.jpg\n", ""))
    trained_on = {_sha256(images / name) for name in ("a.jpg", "e.jpg", "f.jpg")}
    dev = {_sha256(images / "e.jpg")}
    TrainingPhotos(frozenset(trained_on), frozenset(dev)).save(parent)
    write_checksums(parent)
    report = ingest(flickr8k, start_from=str(parent))
    assert report["parent_leakage"] == ["f.jpg"]
    assert report["splits"] == {"train": 3, "dev": 1, "test": 1}
    assert "f.jpg" not in {photo.image_id for photo in read_manifest(tmp_path / "out")}
    assert "1 left out of dev and test" in dict(report["summary"])["splits"]


def test_ingest_dataset_with_a_parent_that_learnt_all_test_photos_is_refused(
    ingest: Ingest, flickr8k: Path, parent: Path
) -> None:
    photo = _sha256(flickr8k / "Flicker8k_Dataset" / "f.jpg")
    TrainingPhotos(frozenset({photo}), frozenset()).save(parent)
    write_checksums(parent)
    with pytest.raises(DataError, match="test"):
        ingest(flickr8k, start_from=str(parent))


def test_ingest_dataset_with_a_parent_whose_record_is_damaged_is_refused(
    ingest: Ingest, flickr8k: Path, parent: Path, tmp_path: Path
) -> None:
    (parent / TRAINING_PHOTOS_FILE).write_bytes(b"not an array")
    write_checksums(parent)
    with pytest.raises(DataError, match=f"{parent}.*{TRAINING_PHOTOS_FILE}"):
        ingest(flickr8k, start_from=str(parent))
    # A valid record, but of another photo than the parent was trained on.
    TrainingPhotos(frozenset({"0" * 64}), frozenset()).save(parent)
    with pytest.raises(DataError, match=f"{parent}/{TRAINING_PHOTOS_FILE} is damaged"):
        ingest(flickr8k, start_from=str(parent))
    assert not (tmp_path / "out").exists()


def test_ingest_dataset_without_that_parent_names_the_path(
    ingest: Ingest, flickr8k: Path, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match="There is nothing at this path"):
        ingest(flickr8k, start_from=str(tmp_path / "nowhere"))
