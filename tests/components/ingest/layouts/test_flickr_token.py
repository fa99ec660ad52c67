from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components.errors import DataError
from components.ingest.reading.source import Source
from components.ingest.reading.sources import read_folder

Dataset = Callable[[dict[str, Any]], Path]


def _read(folder: Path) -> Source:
    return read_folder(folder, str(folder))


def test_flickr8k_captions_lists_and_images(flickr8k: Path) -> None:
    source = _read(flickr8k)
    assert source.layout == "flickr-token"
    assert source.captions["b.jpg"] == ["Photo b , number 0 .", "Photo b , number 1 ."]
    assert source.splits.lists == {
        "train": frozenset({"a.jpg", "b.jpg", "c.jpg", "d.jpg"}),
        "dev": frozenset({"e.jpg"}),
        "test": frozenset({"f.jpg"}),
    }
    assert source.splits.origin == (
        "Flickr_8k.devImages.txt, Flickr_8k.testImages.txt, Flickr_8k.trainImages.txt"
    )
    assert source.images["f.jpg"] == flickr8k / "Flicker8k_Dataset" / "f.jpg"


@pytest.mark.parametrize("folder", ["Images", "Flickr8k_Dataset", "my photos/all", "."])
def test_flickr8k_images_in_any_folder(flickr8k: Path, folder: str) -> None:
    (flickr8k / folder).mkdir(parents=True, exist_ok=True)
    for file in (flickr8k / "Flicker8k_Dataset").iterdir():
        file.rename(flickr8k / folder / file.name)
    assert _read(flickr8k).images["a.jpg"] == flickr8k / folder / "a.jpg"


def test_flickr8k_texts_and_images_in_folders_of_their_own(flickr8k: Path) -> None:
    # As the two official archives unpack; the lemmas are no captions.
    texts = flickr8k / "Flickr8k_text"
    texts.mkdir()
    for file in flickr8k.glob("*.txt"):
        file.rename(texts / file.name)
    (texts / "Flickr8k.lemma.token.txt").write_text("a.jpg#0\tphoto a\n")
    source = _read(flickr8k.parent)
    assert len(source.captions) == len(source.images) == 6
    assert source.captions["a.jpg"] == ["Photo a , number 0 .", "Photo a , number 1 ."]


def test_flickr8k_without_lists(flickr8k: Path) -> None:
    for file in flickr8k.glob("Flickr_8k*"):
        file.unlink()
    assert _read(flickr8k).splits.lists == {}


def test_flickr30k_token_file(dataset: Dataset) -> None:
    source = _read(
        dataset({"results_20130124.token": "1.jpg#0\tA dog\n1.jpg#1\tA cat", "images/1.jpg": 1})
    )
    assert source.captions == {"1.jpg": ["A dog", "A cat"]}
    assert source.images.keys() == {"1.jpg"}


@pytest.mark.parametrize("name", ["captions.txt", "results.csv", "all/flickr.tsv"])
def test_renamed_token_file_is_known_by_its_first_line(dataset: Dataset, name: str) -> None:
    source = _read(dataset({name: "1.jpg#0\tA dog, a cat\n1.jpg#1\tA cat\n", "images/1.jpg": 1}))
    assert source.layout == "flickr-token"
    assert source.captions == {"1.jpg": ["A dog, a cat", "A cat"]}


def test_flickr8k_line_without_caption_is_an_empty_caption(dataset: Dataset) -> None:
    source = _read(dataset({"Flickr8k.token.txt": "\ufeffa.jpg#0\tA dog\twith a tab\r\na.jpg#1"}))
    assert source.captions == {"a.jpg": ["A dog\twith a tab", ""]}


@pytest.mark.parametrize(
    "line", ["a.jpg a photo without a tab", "a.jpg\ta photo without a number", "#0\tno name"]
)
def test_flickr8k_broken_line(flickr8k: Path, line: str) -> None:
    (flickr8k / "Flickr8k.token.txt").write_text(f"a.jpg#0\tA photo .\n\n{line}\n")
    with pytest.raises(DataError, match=r"Flickr8k.token.txt, line 3: must be a photo's name"):
        _read(flickr8k)


def test_flickr8k_not_utf8_names_the_line(flickr8k: Path) -> None:
    (flickr8k / "Flickr8k.token.txt").write_bytes(b"a.jpg#0\tA dog\na.jpg#1\tA caf\xe9 .\n")
    with pytest.raises(DataError, match=r"Flickr8k.token.txt must be UTF-8 text.*Line 2"):
        _read(flickr8k)


def test_flickr8k_two_versions_of_captions(flickr8k: Path) -> None:
    (flickr8k / "copy").mkdir()
    (flickr8k / "copy" / "Flickr8k.token.txt").write_text("a.jpg#0\tA photo .\n")
    with pytest.raises(
        DataError, match=r"Flickr8k.token.txt and copy/Flickr8k.token.txt have .* 1 photos, .*a.jpg"
    ):
        _read(flickr8k)
