import pytest

from components.errors import SettingError
from components.settings.encoder import EncoderSettings


def test_encoder_is_a_network_in_keras_spelling_or_a_folder() -> None:
    assert EncoderSettings.check({"encoder": "inceptionv3"}).encoder == "InceptionV3"
    for folder in ("./net", "/models/net", "gs://bucket/net"):
        assert EncoderSettings.check({"encoder": folder}).encoder == folder


def test_encoder_of_an_unknown_name_suggests_networks_and_a_path() -> None:
    with pytest.raises(SettingError, match=r"EfficientNetB0.* \./efficientnet0\. Received: '"):
        EncoderSettings.check({"encoder": "efficientnet0"})


def test_encoder_weights_beside_an_onnx_model_are_refused() -> None:
    with pytest.raises(SettingError, match=r"encoder_weights .*Received: 'w.h5'"):
        EncoderSettings.check({"encoder": "./net", "encoder_weights": "w.h5"})
    # A preset's keyword does not matter.
    EncoderSettings.check({"encoder": "./net", "encoder_weights": "imagenet"})


def test_encoder_output_of_a_network_of_keras_is_refused() -> None:
    with pytest.raises(SettingError, match="encoder_output is for ONNX models"):
        EncoderSettings.check({"encoder_output": "map"})
    EncoderSettings.check({"encoder": "./net", "encoder_output": "map"})
