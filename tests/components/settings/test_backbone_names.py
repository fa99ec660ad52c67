import inspect

import keras
import pytest

from components.errors import SettingError
from components.settings.backbone_names import INPUT_SIZES, canonical_backbone_name


def test_input_sizes_cover_all_networks_of_keras() -> None:
    assert (
        INPUT_SIZES.keys()
        == dict(inspect.getmembers(keras.applications, inspect.isfunction)).keys()
    )


@pytest.mark.parametrize(("name", "size"), [i for i in INPUT_SIZES.items() if i[1] != 224])
def test_input_sizes_other_than_224_agree_with_keras(name: str, size: int) -> None:
    # Keras states it only in the source of the constructor.
    assert str(size) in inspect.getsource(getattr(keras.applications, name))


def test_canonical_backbone_name_ignores_case() -> None:
    assert canonical_backbone_name("inceptionV3") == "InceptionV3"


def test_canonical_backbone_name_of_an_unknown_network_suggests_similar_names() -> None:
    with pytest.raises(SettingError, match=r"InceptionV3.* Received: 'InceptionV4'"):
        canonical_backbone_name("InceptionV4")


def test_canonical_backbone_name_unlike_any_lists_all_networks() -> None:
    with pytest.raises(SettingError, match=r"ConvNeXtBase, .*, VGG19, Xception;.* Received: ''"):
        canonical_backbone_name("")
