import json
from dataclasses import asdict
from pathlib import Path

import pytest

from components.artifacts.examples import ENCODER_FILE
from components.captioning.encoder.spec import EncoderSpec
from components.errors import DataError

IDENTITY = EncoderSpec("MobileNetV2", "random", 1, "0" * 64, 1280, 224, "float32")


def test_identity_journey_keeps_everything(tmp_path: Path) -> None:
    IDENTITY.save(tmp_path)
    assert EncoderSpec.load(tmp_path) == IDENTITY
    assert json.loads((tmp_path / ENCODER_FILE).read_text())["weights"] == "random"


def test_identity_of_before_there_was_a_choice_is_of_float32(tmp_path: Path) -> None:
    facts = asdict(IDENTITY)
    del facts["precision"]
    (tmp_path / ENCODER_FILE).write_text(json.dumps(facts))
    assert EncoderSpec.load(tmp_path) == IDENTITY


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ("", "Invalid JSON"),
        ("[]", "Input should be an object"),
        ('{"network": "MobileNetV2"}', "sha256"),
        (json.dumps({**asdict(IDENTITY), "width": 0}), "width"),
        (json.dumps({**asdict(IDENTITY), "weights": "guessed"}), "weights"),
        (json.dumps({**asdict(IDENTITY), "precision": "int8"}), "precision"),
    ],
)
def test_identity_that_is_none_names_the_file(tmp_path: Path, content: str, named: str) -> None:
    (tmp_path / ENCODER_FILE).write_text(content)
    with pytest.raises(DataError, match=rf"(?s)encoder.json must hold .*{named}"):
        EncoderSpec.load(tmp_path)


def test_identity_missing_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"An encoder must have its encoder.json"):
        EncoderSpec.load(tmp_path)
