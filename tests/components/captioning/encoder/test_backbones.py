import numpy as np
import pytest

from components.captioning.encoder.backbones import find_backbone


def test_find_network_ignores_upper_and_lower_case() -> None:
    assert find_backbone("inceptionV3").name == "InceptionV3"


@pytest.mark.parametrize(
    ("name", "black"),
    [
        ("InceptionV3", [-1, -1, -1]),
        # Blue, green, red, less ImageNet's means.
        ("ResNet50", [-103.939, -116.779, -123.68]),
        # It has its preprocessing inside.
        ("EfficientNetB3", [0, 0, 0]),
    ],
)
def test_find_network_has_its_own_preprocessing(name: str, black: list[float]) -> None:
    prepared = find_backbone(name).preprocess(np.zeros((1, 1, 1, 3), np.float32))
    assert np.asarray(prepared).ravel() == pytest.approx(black, abs=1e-3)


def test_network_build_ends_in_one_feature_a_photo() -> None:
    model = find_backbone("MobileNetV2").build()
    assert model.input_shape == (None, 224, 224, 3)
    assert model.output_shape == (None, 1280)
