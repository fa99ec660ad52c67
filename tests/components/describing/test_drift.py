from dataclasses import asdict
from pathlib import Path

import numpy as np

from components.describing.captions import caption_one_by_one, load_captioner
from components.describing.drift import keep_features
from components.describing.model import DecodeOptions, Model
from components.describing.photo_files import find_photos
from components.drift.requests import read_requests


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
