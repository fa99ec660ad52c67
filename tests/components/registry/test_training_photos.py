from pathlib import Path

import pytest

from components.artifacts.manifest import Photo
from components.errors import CaptionflowError
from components.registry.runs import start_run
from components.registry.training_photos import read_training_photos, record_training_photos

_PHOTOS = [
    Photo(f"{number}.jpg", "nowhere", f"{number}" * 64, 8, 8, split, ("a dog",))
    for number, split in enumerate(("train", "dev", "test"))
]


def test_read_training_photos_are_those_of_train_and_dev(mlflow_root: Path) -> None:
    run_id = start_run("photos", "first", {})
    record_training_photos(run_id, _PHOTOS)
    assert read_training_photos(run_id) == {"0" * 64, "1" * 64}


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
