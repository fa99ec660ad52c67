from pathlib import Path

import pytest
from PIL import Image

from components.captioning.inference.captioner import Captioner
from components.describing.captions import caption_one_by_one, load_captioner
from components.describing.model import DecodeOptions, Model
from components.describing.photo_files import find_photos
from components.errors import DataError


@pytest.fixture(scope="module")
def captioner(tiny_bundle: Path) -> Captioner:
    return load_captioner(Model("captioner version 3", tiny_bundle))


def test_caption_one_by_one_yields_a_caption_or_an_error_for_each_photo(
    captioner: Captioner, folder: Path
) -> None:
    photos = find_photos([str(folder)])
    broken, red, grey = caption_one_by_one(captioner, photos, DecodeOptions(2, 0))
    assert broken["photo"] == f"{folder}/broken.jpg"
    assert broken["error"].startswith(f"{folder}/broken.jpg can't be read as a photo: the content")
    assert [red["caption"], grey["caption"]] == captioner.describe(
        [folder / "red.png", folder / "more" / "grey.jpg"]
    )
    assert red["caption"] != grey["caption"]
    assert list(red) == ["photo", "caption", "score", "confidence", "certainty", "checksum"]
    assert (red["confidence"], red["certainty"]) == (0.7311, "likely")
    assert red["score"] < 0


def test_caption_one_by_one_with_alternatives_yields_the_next_best(
    captioner: Captioner, folder: Path
) -> None:
    photos = find_photos([str(folder / "red.png")])
    (line,) = caption_one_by_one(captioner, photos, DecodeOptions(4, 2))
    found = [line, *line["alternatives"]]
    pixels = captioner.load(folder / "red.png")
    expected = captioner.alternatives([pixels], beam_width=4)[0]
    assert len(expected) == 4
    assert [each["caption"] for each in found] == [each.text for each in expected[:3]]
    assert [each["score"] for each in found] == [round(each.score, 4) for each in expected[:3]]


def test_caption_one_by_one_of_a_photo_with_infinite_features_yields_an_error(
    dim_bundle: Path, tmp_path: Path
) -> None:
    for name, level in (("bright", 255), ("dark", 120)):
        Image.new("L", (8, 8), level).save(tmp_path / f"{name}.png")
    bright, dark = caption_one_by_one(
        load_captioner(Model("dim", dim_bundle)), find_photos([str(tmp_path)]), DecodeOptions(2, 0)
    )
    assert bright["error"].startswith(f"{tmp_path}/bright.png: ")
    assert "float16" in bright["error"]
    assert list(bright) == ["photo", "error", "checksum"]
    assert list(dark) == ["photo", "caption", "score", "confidence", "certainty", "checksum"]


def test_load_captioner_of_an_incomplete_bundle_names_the_model(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"^captioner version 3 must .*version 3/\w+"):
        load_captioner(Model("captioner version 3", tmp_path))
