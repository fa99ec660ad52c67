import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components.artifacts.files import TRAINING_FILE, atomic_directory, write_json
from components.artifacts.manifest import read_manifest
from components.errors import DataError
from components.registry.runs import start_run
from components.registry.training_photos import TrainingPhotos, record_training_photos

Ingest = Callable[..., dict[str, Any]]


@pytest.fixture
def parent(mlflow_root: Path, tmp_path: Path) -> tuple[str, str]:
    """A bundle with nothing but the MLflow run that trained it, and that run."""
    run_id = start_run("photos", "parent", {})
    with atomic_directory(tmp_path / "parent") as aside:
        write_json(aside / TRAINING_FILE, {"mlflow_run_id": run_id})
    return str(tmp_path / "parent"), run_id


def _sha256(photo: Path) -> str:
    return hashlib.sha256(photo.read_bytes()).hexdigest()


def test_ingest_dataset_leaves_out_test_photos_that_the_parent_was_trained_on(
    ingest: Ingest, flickr8k: Path, parent: tuple[str, str], tmp_path: Path
) -> None:
    bundle, run_id = parent
    images = flickr8k / "Flicker8k_Dataset"
    # Of six photos, f is in test, e in dev; a second test photo is left.
    lists = flickr8k / "Flickr_8k.testImages.txt"
    lists.write_text(lists.read_text().rstrip() + "\nd.jpg\n")
    train = flickr8k / "Flickr_8k.trainImages.txt"
    train.write_text(train.read_text().replace("d.jpg\n", ""))
    trained_on = {_sha256(images / name) for name in ("a.jpg", "e.jpg", "f.jpg")}
    dev = {_sha256(images / "e.jpg")}
    record_training_photos(run_id, TrainingPhotos(frozenset(trained_on), frozenset(dev)))
    report = ingest(flickr8k, start_from=bundle)
    assert report["parent_leakage"] == ["f.jpg"]
    assert report["splits"] == {"train": 3, "dev": 1, "test": 1}
    assert "f.jpg" not in {photo.image_id for photo in read_manifest(tmp_path / "out")}
    assert "1 left out of dev and test" in dict(report["summary"])["splits"]


def test_ingest_dataset_with_a_parent_that_learnt_all_test_photos_is_refused(
    ingest: Ingest, flickr8k: Path, parent: tuple[str, str]
) -> None:
    bundle, run_id = parent
    photo = _sha256(flickr8k / "Flicker8k_Dataset" / "f.jpg")
    record_training_photos(run_id, TrainingPhotos(frozenset({photo}), frozenset()))
    with pytest.raises(DataError, match="test"):
        ingest(flickr8k, start_from=bundle)


def test_ingest_dataset_with_a_parent_of_unknown_photos_warns(
    ingest: Ingest, flickr8k: Path, parent: tuple[str, str]
) -> None:
    report = ingest(flickr8k, start_from=parent[0])
    (finding,) = (f for f in report["findings"] if f["kind"] == "unknown_parent_photos")
    assert parent[0] in finding["text"]
    assert report["parent_leakage"] == []


def test_ingest_dataset_without_that_parent_names_the_path(
    ingest: Ingest, flickr8k: Path, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match="There is nothing at this path"):
        ingest(flickr8k, start_from=str(tmp_path / "nowhere"))
