"""A small data set on disk: a manifest of drawn photos, and their captions."""

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from PIL import Image

from components.artifacts.captions import CaptionedPhoto, write_captions
from components.artifacts.checksums import write_checksums
from components.artifacts.manifest import Photo, write_manifest
from components.captioning.model.normalizer import Normalizer
from components.features import building

SPLITS = ("train", "train", "train", "dev", "test", "train")


class DataSet(NamedTuple):
    """Directories of a data set's artifacts."""

    manifest: Path
    captions: Path


def make_data_set(root: Path) -> DataSet:
    """Writes six photos, the last without captions."""
    generator = np.random.default_rng(0)
    photos, captions = [], []
    (root / "manifest").mkdir(parents=True)
    (root / "captions").mkdir()
    for index, split in enumerate(SPLITS):
        image_id = f"{index}.png"
        path = root / image_id
        # Coarse coloured blocks differ from each other as photos do.
        blocks = generator.integers(0, 256, (4, 4, 3), dtype=np.uint8)
        Image.fromarray(blocks).resize((40, 30), Image.Resampling.NEAREST).save(path)
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        photos.append(Photo(image_id, str(path), sha256, 40, 30, split, ("A dog.",)))
        if index < 5:
            captions.append(
                CaptionedPhoto(image_id, split, (f"dog {index}", "a dog"), ((4, index), (3, 4)))
            )
    write_manifest(root / "manifest", photos)
    write_captions(root / "captions", captions)
    Normalizer((("lower",),)).save(root / "captions")
    write_checksums(root / "manifest")
    write_checksums(root / "captions")
    return DataSet(root / "manifest", root / "captions")


@pytest.fixture(scope="package", autouse=True)
def quick_calibration() -> Iterator[None]:
    """Calibrates random encoders with eight images: more take seconds for each encoder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(building, "_CALIBRATION_IMAGES", 8)
        yield


@pytest.fixture(name="make_data_set", scope="session")
def make_data_set_fixture() -> Callable[[Path], DataSet]:
    return make_data_set


@pytest.fixture
def data_set(tmp_path: Path) -> DataSet:
    return make_data_set(tmp_path)
