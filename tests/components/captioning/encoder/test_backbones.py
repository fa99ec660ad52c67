import numpy as np
import pytest

from components.captioning.encoder.backbones import find_backbone


def test_find_backbone_ignores_case() -> None:
    assert find_backbone("inceptionV3").name == "InceptionV3"


@pytest.mark.parametrize(
    ("name", "black"),
    [
        ("InceptionV3", [-1, -1, -1]),
        # Blue, green, red, minus the means of ImageNet.
        ("ResNet50", [-103.939, -116.779, -123.68]),
        # Its preprocessing is part of the network.
        ("EfficientNetB3", [0, 0, 0]),
    ],
)
def test_find_backbone_returns_the_networks_preprocessing(name: str, black: list[float]) -> None:
    preprocessed = find_backbone(name).preprocess(np.zeros((1, 1, 1, 3), np.float32))
    assert np.asarray(preprocessed).ravel() == pytest.approx(black, abs=1e-3)


def test_backbone_build_ends_in_global_pooling() -> None:
    model = find_backbone("MobileNetV2").build()
    assert model.input_shape == (None, 224, 224, 3)
    assert model.output_shape == (None, 1280)
