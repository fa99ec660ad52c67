"""A folder of photos, intact and broken; and a model's files."""

import shutil
from pathlib import Path

import pytest
from PIL import Image

from components.describing.model import Model


@pytest.fixture(scope="session")
def model(tiny_bundle: Path) -> Model:
    return Model("captioner version 3", tiny_bundle)


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two photos, one of them in a subfolder, and a file that is not a photo."""
    photos = tmp_path_factory.mktemp("of photos") / "my photos"
    (photos / "more").mkdir(parents=True)
    Image.new("RGB", (32, 24), "red").save(photos / "red.png")
    Image.linear_gradient("L").save(photos / "more" / "grey.jpg")
    (photos / "broken.jpg").write_bytes(b"no photo")
    (photos / ".hidden.png").write_bytes((photos / "red.png").read_bytes())
    (photos / ".hidden").mkdir()
    (photos / ".hidden" / "red.png").write_bytes((photos / "red.png").read_bytes())
    return photos


@pytest.fixture
def folder(photos: Path, tmp_path: Path) -> Path:
    """A copy of `photos` for a test to change."""
    return Path(shutil.copytree(photos, tmp_path / "my photos"))
