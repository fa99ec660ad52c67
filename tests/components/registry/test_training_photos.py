from pathlib import Path

import pytest

from components.artifacts.manifest import Photo
from components.errors import CaptionflowError
from components.registry.runs import log_text, start_run
from components.registry.training_photos import (
    TrainingPhotos,
    read_training_photos,
    record_training_photos,
)

_PHOTOS = TrainingPhotos.of(
    Photo(f"{number}.jpg", "nowhere", f"{number}" * 64, 8, 8, split, ("a dog",))
    for number, split in enumerate(("train", "dev", "test"))
)


def test_training_photos_are_those_of_train_and_dev() -> None:
    assert ({"0" * 64, "1" * 64}, {"1" * 64}) == _PHOTOS


def test_training_photos_with_a_parent_count_as_dev_only_if_neither_trained_on_them() -> None:
    own = TrainingPhotos(frozenset("abcd"), frozenset("cd"))
    parent = TrainingPhotos(frozenset("bcxy"), frozenset("by"))
    # b: train here; c: train of the parent; d and y: dev alone.
    assert own.with_parent(parent) == (frozenset("abcdxy"), frozenset("dy"))


def test_read_training_photos_is_what_was_recorded(mlflow_root: Path) -> None:
    run_id = start_run("photos", "first", {})
    record_training_photos(run_id, _PHOTOS)
    assert read_training_photos(run_id) == _PHOTOS


def test_read_training_photos_of_an_older_record_has_no_dev(mlflow_root: Path) -> None:
    run_id = start_run("photos", "first", {})
    log_text(run_id, f"{'0' * 64}\n{'1' * 64}\n", "training_photos.txt")
    assert read_training_photos(run_id) == (_PHOTOS.all, frozenset())


def test_read_training_photos_that_were_not_recorded_is_none(mlflow_root: Path) -> None:
    assert read_training_photos(start_run("photos", "first", {})) is None
    assert read_training_photos("elsewhere") is None


def test_read_training_photos_of_a_lost_file_is_an_error(mlflow_root: Path) -> None:
    run_id = start_run("photos", "first", {})
    record_training_photos(run_id, _PHOTOS)
    (file,) = mlflow_root.rglob("training_photos.txt")
    file.unlink()
    file.symlink_to("gone")
    with pytest.raises(CaptionflowError, match=f"training_photos.txt of the MLflow run {run_id}"):
        read_training_photos(run_id)
