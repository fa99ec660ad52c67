from pathlib import Path

import pytest

from components.artifacts.checksums import write_checksums
from components.describing.model import DecodeOptions, Model, decode_options, open_model
from components.errors import DataError, SettingError


@pytest.fixture
def model(tmp_path: Path) -> Model:
    (tmp_path / "decoding.json").write_text('{"beam_width": 5}')
    return Model("captioner version 3", tmp_path)


def test_decode_options_default_to_the_models_beam_width(model: Model) -> None:
    assert decode_options(model, None, 4) == DecodeOptions(5, 4)
    assert decode_options(model, 7, 0) == DecodeOptions(7, 0)


def test_decode_options_default_to_three_alternatives_or_as_many_as_the_beam_has(
    model: Model,
) -> None:
    assert decode_options(model, None, None) == DecodeOptions(5, 3)
    assert decode_options(model, 2, None) == DecodeOptions(2, 1)


def test_decode_options_with_too_many_alternatives_are_refused(model: Model) -> None:
    with pytest.raises(SettingError, match=r"less than the beam width 3.* Received: 3"):
        decode_options(model, 3, 3)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"beam_width": "wide"}'])
def test_decode_options_of_an_incomplete_bundle_name_the_model(model: Model, content: str) -> None:
    (model.directory / "decoding.json").write_text(content)
    with pytest.raises(DataError, match="captioner version 3 must be a complete model bundle"):
        decode_options(model, None, 0)


def test_open_model_of_a_bundle_needs_no_registry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    write_checksums(tmp_path)
    with open_model("captioner", bundle=tmp_path) as model:
        assert model == Model(str(tmp_path), tmp_path)


def test_open_model_of_a_damaged_bundle_names_the_file(model: Model) -> None:
    write_checksums(model.directory)
    (model.directory / "decoding.json").write_text('{"beam_width": 4}')
    with (
        pytest.raises(DataError, match=r"decoding\.json is damaged.*--model-version"),
        open_model("captioner", bundle=model.directory),
    ):
        pass
