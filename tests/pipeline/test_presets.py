from typing import Any

import pytest

from components.errors import SettingError
from pipeline.config import Settings
from pipeline.presets import PRESETS, Preset, make_settings


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"epochs": "0"}, "epochs must be greater than or equal to 1. Received: '0'"),
        ({"epochs": "abc"}, "epochs must be a valid integer. Received: 'abc'"),
        ({"dropout": "1"}, "dropout must be less than 1. Received: '1'"),
        ({"learning_rate": "nan"}, "learning_rate must be a finite number. Received: 'nan'"),
        ({"schedule": "linear"}, "schedule must be 'cosine' or 'constant'. Received: 'linear'"),
        ({"encoder_batch": 8}, "encoder_batch must be greater than or equal to 32. Received: 8"),
        ({"model_name": "a b"}, "model_name must be of letters, digits, '.', '_' and '-'."),
        ({"dataset": ""}, "dataset must be named. Received: ''"),
        ({"encoder": "InceptionV4"}, "network of keras.applications, such as: InceptionV3"),
        ({"precision": "x"}, "precision must be 'auto', 'float32' or 'mixed'. Received: 'x'"),
        ({"beam_flags": "--a='"}, "beam_flags must be flags: No closing quotation."),
        ({"epoch": 3}, "There is no setting epoch: see --help"),
        ({"dev_share": 0.6, "test_share": 0.4}, "their sum must be below 1. Received: 0.6 + 0.4"),
    ],
)
def test_make_settings_of_a_wrong_value_names_setting_rule_and_value(
    given: dict[str, Any], told: str
) -> None:
    with pytest.raises(SettingError) as raised:
        make_settings(Preset.SAMPLE, given)
    assert told in str(raised.value)
    assert "\n" not in str(raised.value)


def test_make_settings_takes_text_as_a_command_line_gives_it() -> None:
    settings = make_settings(Preset.SAMPLE, {"epochs": "3", "learning_rate": "1e-3"})
    assert (settings.epochs, settings.learning_rate) == (3, 0.001)


def test_make_settings_of_flickr8k_asks_for_the_paths() -> None:
    with pytest.raises(SettingError, match="--dataset PATH --glove PATH"):
        make_settings(Preset.FLICKR8K, {})
    settings = make_settings(Preset.FLICKR8K, {"dataset": "a", "glove": "b"})
    assert (settings.min_count, settings.encoder_weights, settings.epochs) == (5, "imagenet", 6)


def test_make_settings_prefers_what_is_given_to_the_preset() -> None:
    given = {"dataset": "a", "glove": "b", "min_count": 2}
    assert make_settings(Preset.FLICKR8K, given).min_count == 2


@pytest.mark.parametrize("preset", Preset)
def test_presets_name_settings_only(preset: Preset) -> None:
    assert PRESETS[preset].keys() <= Settings.model_fields.keys()
