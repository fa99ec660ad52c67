from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from components.captioning.inference.captioner import Captioner
from components.describing.captions import caption_one_by_one, keep_features, load_captioner
from components.describing.model import DecodeOptions, Model
from components.describing.photo_files import find_photos
from components.drift.requests import read_requests
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


def test_keep_features_keeps_what_the_captioner_sees_as_float16_and_no_names(
    model: Model, folder: Path, tmp_path: Path
) -> None:
    captioner = load_captioner(model)
    photos = find_photos([str(folder)])
    with keep_features(captioner, str(tmp_path / "kept")):
        list(caption_one_by_one(captioner, photos, DecodeOptions(2, 0)))
    spec = captioner.encoder.spec
    found = read_requests(str(tmp_path / "kept"), asdict(spec), spec.width)
    pixels = [captioner.load(folder / "red.png"), captioner.load(folder / "more" / "grey.jpg")]
    expected = captioner.encoder.encode(np.stack(pixels)).astype(np.float16)
    assert found.features.dtype == np.float16
    assert found.features.tolist() == np.unique(expected, axis=0).tolist()
    for file in (tmp_path / "kept").rglob("*"):
        assert "red" not in file.name and "grey" not in file.name
        if file.is_file():
            assert b"red.png" not in file.read_bytes()
