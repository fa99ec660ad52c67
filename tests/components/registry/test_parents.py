"""The parent of a training, in a bucket."""

from pathlib import Path

import pytest
from object_stores import Store

from components.artifacts.checksums import write_checksums
from components.artifacts.training_photos import TRAINING_PHOTOS_FILE, TrainingPhotos
from components.errors import DataError
from components.registry.parents import open_parent, parent_photos

PHOTOS = TrainingPhotos(frozenset({"a" * 64, "b" * 64}), frozenset({"b" * 64}))


@pytest.fixture
def parent(remote: Store, tmp_path: Path) -> str:
    """The address of a parent with nothing but its record, which is that of another training."""
    (tmp_path / "parent").mkdir()
    PHOTOS.save(tmp_path / "parent")
    write_checksums(tmp_path / "parent")
    for file in (tmp_path / "parent").iterdir():
        remote.write(f"parent/{file.name}", file.read_bytes())
    return f"{remote.uri}/parent"


def _damage(remote: Store, folder: Path) -> None:
    TrainingPhotos(frozenset({"c" * 64}), frozenset()).save(folder)
    remote.write(f"parent/{TRAINING_PHOTOS_FILE}", (folder / TRAINING_PHOTOS_FILE).read_bytes())


def test_parent_photos_in_a_bucket(parent: str) -> None:
    assert parent_photos(parent) == parent_photos(f"{parent}/") == PHOTOS


def test_damaged_parent_in_a_bucket_is_named_by_its_address(
    parent: str, remote: Store, tmp_path: Path
) -> None:
    _damage(remote, tmp_path)
    damage = rf"{parent}/{TRAINING_PHOTOS_FILE} is damaged: its SHA-256 must be "
    with pytest.raises(DataError, match=f"^{damage}.*; restore the model's files") as caught:
        parent_photos(parent)
    assert "captionflow-parent-" not in str(caught.value)
    whole = f"^{parent} must be .* {damage}.*--start-from"
    with pytest.raises(DataError, match=whole) as caught, open_parent(parent):
        pass
    assert "captionflow-parent-" not in str(caught.value)
