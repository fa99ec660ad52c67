import json
from dataclasses import asdict
from pathlib import Path

import pytest

from components.artifacts.files import ENCODER_FILE
from components.captioning.encoder.spec import EncoderSpec
from components.errors import DataError

SPEC = EncoderSpec("MobileNetV2", "random", 1, "0" * 64, 1280, 224, "float32")


def test_spec_saved_and_loaded_is_the_same(tmp_path: Path) -> None:
    SPEC.save(tmp_path)
    assert EncoderSpec.load(tmp_path) == SPEC
    assert json.loads((tmp_path / ENCODER_FILE).read_text())["weights"] == "random"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", "Invalid JSON"),
        ("[]", "Input should be an object"),
        ('{"network": "MobileNetV2"}', "sha256"),
        (json.dumps({**asdict(SPEC), "width": 0}), "width"),
        (json.dumps({**asdict(SPEC), "weights": "guessed"}), "weights"),
        (json.dumps({**asdict(SPEC), "precision": "int8"}), "precision"),
    ],
)
def test_spec_that_is_invalid_names_the_file(tmp_path: Path, content: str, expected: str) -> None:
    (tmp_path / ENCODER_FILE).write_text(content)
    with pytest.raises(
        DataError, match=rf"(?s)encoder.json must be a valid encoder spec: .*{expected}"
    ):
        EncoderSpec.load(tmp_path)


def test_spec_that_is_missing_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"encoder.json must be readable"):
        EncoderSpec.load(tmp_path)
