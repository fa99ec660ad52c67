from pathlib import Path

import numpy as np
import pytest

from components.artifacts.manifest import Photo
from components.artifacts.training_photos import TRAINING_PHOTOS_FILE, TrainingPhotos

_PHOTOS = TrainingPhotos.of(
    Photo(f"{number}.jpg", "nowhere", f"{number}" * 64, 8, 8, split, ("a dog",))
    for number, split in enumerate(("train", "dev", "test"))
)


def test_training_photos_are_those_of_train_and_dev() -> None:
    assert ({"0" * 64, "1" * 64}, {"1" * 64}) == _PHOTOS


def test_training_photos_of_a_photo_in_train_and_dev_do_not_count_it_as_dev() -> None:
    photos = (
        Photo(f"{split}.jpg", "nowhere", "0" * 64, 8, 8, split, ()) for split in ("train", "dev")
    )
    assert TrainingPhotos.of(photos) == ({"0" * 64}, frozenset())


def test_training_photos_with_a_parent_count_as_dev_only_if_neither_trained_on_them() -> None:
    own = TrainingPhotos(frozenset("abcd"), frozenset("cd"))
    parent = TrainingPhotos(frozenset("bcxy"), frozenset("by"))
    # b: train here; c: train of the parent; d and y: dev alone.
    assert own.with_parent(parent) == (frozenset("abcdxy"), frozenset("dy"))


def test_load_is_what_was_saved(tmp_path: Path) -> None:
    _PHOTOS.save(tmp_path)
    assert TrainingPhotos.load(tmp_path) == _PHOTOS
    rows = np.load(tmp_path / TRAINING_PHOTOS_FILE)
    assert rows.dtype == np.uint8
    assert rows.tolist() == [[0x00] * 32 + [0], [0x11] * 32 + [1]]


def test_load_of_no_photos_is_empty(tmp_path: Path) -> None:
    TrainingPhotos(frozenset(), frozenset()).save(tmp_path)
    assert TrainingPhotos.load(tmp_path) == (frozenset(), frozenset())


@pytest.mark.parametrize(
    ("rows", "fault"),
    [
        (np.zeros((2, 32), np.uint8), r"33 bytes per photo.*\(2, 32\)"),
        (np.zeros(33, np.uint8), r"33 bytes per photo.*\(33,\)"),
        (np.zeros((2, 33), np.float32), "33 bytes per photo.*float32"),
        (np.full((1, 33), 2, np.uint8), "0 or 1. Received: 2"),
        (np.zeros((3, 33), np.uint8), "once. Received: 2"),
        (np.array([[None] * 33]), "pickle|Python objects"),
    ],
)
def test_load_of_an_invalid_file_is_refused(rows: np.ndarray, fault: str, tmp_path: Path) -> None:
    np.save(tmp_path / TRAINING_PHOTOS_FILE, rows, allow_pickle=True)
    with pytest.raises(ValueError, match=fault):
        TrainingPhotos.load(tmp_path)


def test_load_of_a_file_that_is_shorter_than_it_says_is_refused(tmp_path: Path) -> None:
    header = {"descr": "|u1", "fortran_order": False, "shape": (2**40, 33)}
    with (tmp_path / TRAINING_PHOTOS_FILE).open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
    with pytest.raises((ValueError, OSError)):
        TrainingPhotos.load(tmp_path)
