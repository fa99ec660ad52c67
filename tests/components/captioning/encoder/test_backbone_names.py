import inspect

import keras
import pytest

from components.captioning.encoder.backbone_names import INPUT_SIZES, canonical_backbone_name
from components.errors import SettingError


def test_input_sizes_are_of_all_networks_that_keras_has() -> None:
    assert (
        INPUT_SIZES.keys()
        == dict(inspect.getmembers(keras.applications, inspect.isfunction)).keys()
    )


@pytest.mark.parametrize(("name", "size"), [i for i in INPUT_SIZES.items() if i[1] != 224])
def test_input_sizes_other_than_the_usual_are_those_that_keras_names(name: str, size: int) -> None:
    # Keras has it in the constructor's text alone.
    assert str(size) in inspect.getsource(getattr(keras.applications, name))


def test_spell_network_ignores_upper_and_lower_case() -> None:
    assert canonical_backbone_name("inceptionV3") == "InceptionV3"


def test_spell_network_unknown_lists_close_ones() -> None:
    with pytest.raises(SettingError, match=r"InceptionV3.* Received: 'InceptionV4'"):
        canonical_backbone_name("InceptionV4")


def test_spell_network_unlike_any_lists_all() -> None:
    with pytest.raises(SettingError, match=r"ConvNeXtBase, .*, VGG19, Xception. Received: ''"):
        canonical_backbone_name("")
