"""For this room's tests: tiny images made by Pillow, and data sets of them in each layout."""

import io
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from components.ingest.run import ingest_dataset
from components.settings.data import DataSettings

Ingest = Callable[..., dict[str, Any]]
Encode = Callable[..., bytes]


@pytest.fixture
def encode() -> Encode:
    """Returns a function that makes an image file's bytes, another for each number."""

    def make(
        number: int = 0, mode: str = "RGB", size: tuple[int, int] = (24, 20), **save: Any
    ) -> bytes:
        image = Image.new("RGB", size, (number % 256, number // 256, 90)).convert(mode)
        buffer = io.BytesIO()
        image.save(buffer, **{"format": "JPEG", **save})
        return buffer.getvalue()

    return make


@pytest.fixture
def photos(encode: Encode) -> Callable[[Path, Iterable[str]], None]:
    """Returns a function that fills a folder with different photos of the given names."""

    def fill(folder: Path, names: Iterable[str]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for number, name in enumerate(names):
            (folder / name).write_bytes(encode(number))

    return fill


@pytest.fixture
def dataset(tmp_path: Path, encode: Encode) -> Callable[[dict[str, Any]], Path]:
    """Returns a function that makes a folder of files.

    Of each path: a text, bytes, what becomes JSON, or a number for a photo of its own.
    """

    def make(files: dict[str, Any], root: str = "set") -> Path:
        for name, content in files.items():
            file = tmp_path / root / name
            file.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, int):
                content = encode(content)
            elif not isinstance(content, str | bytes):
                content = json.dumps(content)
            file.write_bytes(content.encode() if isinstance(content, str) else content)
        return tmp_path / root

    return make


@pytest.fixture
def flickr8k(tmp_path: Path, photos: Callable[..., None]) -> Path:
    """Flickr8k's layout: a.jpg to f.jpg, two captions each; four in train, one in dev and test."""
    root = tmp_path / "flickr8k"
    photos(root / "Flicker8k_Dataset", [f"{letter}.jpg" for letter in "abcdef"])
    (root / "Flickr8k.token.txt").write_text(
        "".join(f"{x}.jpg#{k}\tPhoto {x} , number {k} .\n" for x in "abcdef" for k in range(2))
    )
    for split, letters in (("train", "abcd"), ("dev", "e"), ("test", "f")):
        (root / f"Flickr_8k.{split}Images.txt").write_text("".join(f"{x}.jpg\n" for x in letters))
    return root


@pytest.fixture
def kaggle(tmp_path: Path, photos: Callable[..., None]) -> Path:
    """The Kaggle layout: 40 photos, one caption each."""
    root = tmp_path / "kaggle"
    names = [f"{number:02}.jpg" for number in range(40)]
    photos(root / "Images", names)
    (root / "captions.txt").write_text(
        "image,caption\n" + "".join(f"{name},Photo {name}\n" for name in names)
    )
    return root


@pytest.fixture
def coco(tmp_path: Path, encode: Encode) -> Path:
    """COCO's layout: one photo each in train, val and test, all with the same id."""
    root = tmp_path / "coco"
    (root / "annotations").mkdir(parents=True)
    for number, split in enumerate(("train", "val", "test")):
        (root / f"{split}2017").mkdir()
        (root / f"{split}2017" / f"00{number}.jpg").write_bytes(encode(number))
        content = {
            "images": [{"id": 7, "file_name": f"00{number}.jpg"}],
            "annotations": [{"id": 1, "image_id": 7, "caption": f"A {split} photo"}],
        }
        (root / "annotations" / f"captions_{split}2017.json").write_text(json.dumps(content))
    return root


@pytest.fixture
def ingest(tmp_path: Path) -> Ingest:
    """Returns a function that runs `ingest` on a data set; settings by keyword."""

    def run(dataset: object, directory: str = "out", **changed: Any) -> dict[str, Any]:
        settings = {
            "scenes": 20,
            "seed": 0,
            "dev_share": 0.3,
            "test_share": 0.3,
            "max_quarantined": 0.0,
            "beam_flags": "",
            "store": "",
        }
        return ingest_dataset(
            DataSettings.check({"dataset": str(dataset), **settings, **changed}),
            tmp_path / directory,
        )

    return run
