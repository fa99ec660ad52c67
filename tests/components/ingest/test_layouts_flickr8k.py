from collections.abc import Callable
from pathlib import Path

import pytest

from components.errors import DataError
from components.ingest.layouts.source import Source
from components.ingest.sources import read_folder


def _read(folder: Path) -> Source:
    return read_folder(folder, str(folder))


def test_flickr8k_captions_lists_and_images(flickr8k: Path) -> None:
    source = _read(flickr8k)
    assert source.layout == "flickr8k"
    assert source.captions["b.jpg"] == ["Photo b , number 0 .", "Photo b , number 1 ."]
    assert source.split_lists == {
        "train": frozenset({"a.jpg", "b.jpg", "c.jpg", "d.jpg"}),
        "dev": frozenset({"e.jpg"}),
        "test": frozenset({"f.jpg"}),
    }
    assert source.images["f.jpg"] == flickr8k / "Flicker8k_Dataset" / "f.jpg"


@pytest.mark.parametrize("folder", ["Images", "Flickr8k_Dataset", "my photos/all", "."])
def test_flickr8k_images_in_any_folder(flickr8k: Path, folder: str) -> None:
    (flickr8k / folder).mkdir(parents=True, exist_ok=True)
    for file in (flickr8k / "Flicker8k_Dataset").iterdir():
        file.rename(flickr8k / folder / file.name)
    assert _read(flickr8k).images["a.jpg"] == flickr8k / folder / "a.jpg"


def test_flickr8k_texts_and_images_in_folders_of_their_own(flickr8k: Path) -> None:
    # As the two official archives unpack.
    texts = flickr8k / "Flickr8k_text"
    texts.mkdir()
    for file in flickr8k.glob("*.txt"):
        file.rename(texts / file.name)
    assert len(_read(flickr8k.parent).captions) == 6


def test_flickr8k_without_lists(flickr8k: Path) -> None:
    for file in flickr8k.glob("Flickr_8k*"):
        file.unlink()
    assert _read(flickr8k).split_lists == {}


@pytest.mark.parametrize(
    "line", ["a.jpg a photo without a tab", "a.jpg\ta photo without a number", "#0\tno name"]
)
def test_flickr8k_broken_line(flickr8k: Path, line: str) -> None:
    (flickr8k / "Flickr8k.token.txt").write_text(f"a.jpg#0\tA photo .\n\n{line}\n")
    with pytest.raises(DataError, match=r"Flickr8k.token.txt, line 3: must be an image's name"):
        _read(flickr8k)


def test_flickr8k_not_utf8(flickr8k: Path) -> None:
    (flickr8k / "Flickr8k.token.txt").write_bytes(b"a.jpg#0\tA caf\xe9 .\n")
    with pytest.raises(DataError, match=r"Flickr8k.token.txt must be UTF-8 text"):
        _read(flickr8k)


def test_flickr8k_captions_twice(flickr8k: Path) -> None:
    (flickr8k / "copy").mkdir()
    (flickr8k / "copy" / "Flickr8k.token.txt").write_text("a.jpg#0\tA photo .\n")
    with pytest.raises(DataError, match=r"must hold one Flickr8k.token.txt"):
        _read(flickr8k)


def test_images_of_one_name_and_content(flickr8k: Path) -> None:
    (flickr8k / "copy").mkdir()
    (flickr8k / "copy" / "a.jpg").write_bytes((flickr8k / "Flicker8k_Dataset/a.jpg").read_bytes())
    assert "a.jpg" in _read(flickr8k).images


def test_images_of_one_name_that_differ(flickr8k: Path, encode: Callable[..., bytes]) -> None:
    (flickr8k / "copy").mkdir()
    (flickr8k / "copy" / "a.jpg").write_bytes(encode(99))
    with pytest.raises(DataError, match=r"must stand for one image.*a\.jpg.*a\.jpg"):
        _read(flickr8k)
