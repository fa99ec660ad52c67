from pathlib import Path

import numpy as np
import pytest

from components.artifacts.manifest import Photo
from components.artifacts.training_photos import TRAINING_PHOTOS_FILE, TrainingPhotos

_PHOTOS = TrainingPhotos.of(
    Photo(f"{number}.jpg", "nowhere", f"{number}" * 64, 8, 8, split, ("a dog",))
    for number, split in enumerate(("train", "dev", "test"))
)


def _rows(*digests: list[int]) -> np.ndarray:
    """Rows of digests, which continue with zeros, of photos in train."""
    return np.array([digest + [0] * (33 - len(digest)) for digest in digests], np.uint8)


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


def test_load_of_digests_that_differ_in_few_bytes_is_what_was_saved(tmp_path: Path) -> None:
    every = {"00" * 32, f"{'00' * 30}0002", f"{'00' * 30}0100", f"01{'00' * 31}", "ff" * 32}
    photos = TrainingPhotos(frozenset(every), frozenset({f"{'00' * 30}0100"}))
    photos.save(tmp_path)
    assert TrainingPhotos.load(tmp_path) == photos


def test_load_of_more_photos_than_allowed_is_refused_unread(tmp_path: Path) -> None:
    header = {"descr": "|u1", "fortran_order": False, "shape": (20_001_000, 33)}
    with (tmp_path / TRAINING_PHOTOS_FILE).open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        # A sparse file, which takes no space on the disk.
        file.truncate(file.tell() + 20_001_000 * 33)
    with pytest.raises(
        ValueError, match=r"at most 20,000,000 photos.* Received: 660,033,128 bytes"
    ):
        TrainingPhotos.load(tmp_path)


@pytest.mark.parametrize(
    ("rows", "fault"),
    [
        (np.zeros((2, 32), np.uint8), r"33 bytes per photo.*\(2, 32\)"),
        (np.zeros(33, np.uint8), r"33 bytes per photo.*\(33,\)"),
        (np.zeros((2, 33), np.float32), "33 bytes per photo.*float32"),
        (np.full((1, 33), 2, np.uint8), "0 or 1. Received: 2"),
        (np.zeros((3, 33), np.uint8), f"once.* Received: {'0' * 64} before {'0' * 64}"),
        (_rows([1], [0]), f"ascending order.* Received: 01{'0' * 62} before {'0' * 64}"),
        # They differ in their last bytes only, in which the larger number has the smaller last one.
        (_rows([0] * 30 + [1, 0], [0] * 30 + [0, 2]), "ascending order"),
        # The first eight bytes decide, not the next.
        (_rows([2] + [0] * 31, [1] + [9] * 31), "ascending order"),
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
