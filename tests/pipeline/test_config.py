from pathlib import Path
from typing import Any

import pytest

from components.errors import SettingError
from components.settings.presets import PRESETS, preset_values
from pipeline.config import Settings, make_settings


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"epochs": "0"}, "epochs must be greater than or equal to 1. Received: '0'"),
        ({"epochs": "abc"}, "epochs must be a valid integer. Received: 'abc'"),
        ({"dropout": "1"}, "dropout must be less than 1. Received: '1'"),
        ({"learning_rate": "nan"}, "learning_rate must be a finite number. Received: 'nan'"),
        ({"schedule": "linear"}, "schedule must be 'cosine' or 'constant'. Received: 'linear'"),
        ({"encoder_batch": 8}, "encoder_batch must be greater than or equal to 32. Received: 8"),
        ({"model_name": "a b"}, "model_name must be of letters, digits, '.', '_' and '-'."),
        ({"dataset": ""}, "dataset must not be empty"),
        ({"encoder": "InceptionV4"}, "network of keras.applications, such as: InceptionV3"),
        ({"precision": "x"}, "precision must be 'auto', 'float32' or 'mixed'. Received: 'x'"),
        ({"beam_flags": "--a='"}, "beam_flags must be command-line flags: No closing quotation."),
        ({"epoch": 3}, "There is no setting epoch: see --help"),
        ({"dev_share": 0.6, "test_share": 0.4}, "their sum must be below 1. Received: 0.6 + 0.4"),
    ],
)
def test_make_settings_of_a_wrong_value_names_setting_rule_and_value(
    given: dict[str, Any], message: str
) -> None:
    with pytest.raises(SettingError) as raised:
        make_settings("sample", given)
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


def test_make_settings_takes_text_as_a_command_line_gives_it() -> None:
    settings = make_settings("sample", {"epochs": "3", "learning_rate": "1e-3"})
    assert (settings.epochs, settings.learning_rate) == (3, 0.001)


def test_make_settings_of_flickr8k_asks_for_the_paths() -> None:
    with pytest.raises(SettingError, match="--dataset PATH --glove PATH"):
        make_settings("flickr8k", {})
    settings = make_settings("flickr8k", {"dataset": "a", "glove": "b"})
    assert (settings.min_count, settings.encoder_weights, settings.epochs) == (5, "imagenet", 6)


def test_make_settings_prefers_what_is_given_to_the_preset() -> None:
    given = {"dataset": "a", "glove": "b", "min_count": 2}
    assert make_settings("flickr8k", given).min_count == 2


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_name_settings_only(preset: str) -> None:
    assert preset_values(preset).keys() <= Settings.model_fields.keys()


@pytest.mark.parametrize(
    ("given", "current"),
    [
        ({"members": 3}, "ensemble_size"),
        ({"consensus": 80}, "reranking_weight"),
        ({"tolerance": 1}, "margin"),
        ({"decoder": "guided"}, "par_inject"),
        ({"decoder": "lstm"}, "init_inject"),
    ],
)
def test_make_settings_refuses_a_former_name_with_the_current_one(
    given: dict[str, Any], current: str
) -> None:
    with pytest.raises(SettingError, match=f"renamed: use {current}"):
        make_settings("sample", given)


def test_make_settings_of_a_config_file_overrides_the_preset_and_is_overridden_by_flags(
    tmp_path: Path,
) -> None:
    file = tmp_path / "run.yaml"
    file.write_text("dataset: photos\nglove: vectors.txt\nepochs: 9\nunits: 64\n")
    settings = make_settings("flickr8k", {"units": "32"}, config=file)
    assert (settings.epochs, settings.units, settings.beam_width) == (9, 32, 50)


def test_make_settings_accepts_what_a_run_wrote(tmp_path: Path) -> None:
    before = make_settings("flickr8k", {"dataset": "a", "glove": "b", "seed": 5})
    (tmp_path / "run.yaml").write_text(before.to_yaml())
    assert make_settings(config=tmp_path / "run.yaml") == before


@pytest.mark.parametrize("text", ["- 1", "epochs", "a: [", "1: 2"])
def test_make_settings_of_a_config_that_is_no_mapping_names_the_rule(
    tmp_path: Path, text: str
) -> None:
    (tmp_path / "run.yaml").write_text(text)
    with pytest.raises(SettingError, match="config must be a"):
        make_settings(config=tmp_path / "run.yaml")


def test_settings_have_types_that_kfp_has_and_a_meaning() -> None:
    for name, field in Settings.model_fields.items():
        assert type(field.default) in (str, int, float, bool), name
        assert field.description, name
