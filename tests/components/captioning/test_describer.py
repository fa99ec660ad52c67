"""With an encoder that is not made for bright photos: its features leave float16."""

import shutil
from pathlib import Path

import keras
import numpy as np
import pytest

from components.captioning.describer import Describer
from components.captioning.encoder import ENCODER_WEIGHTS_FILE, Encoder
from components.captioning.networks import find_network
from components.captioning.together import Together
from components.platform.errors import DataError

DARK, BRIGHT = (np.full((224, 224, 3), level, np.uint8) for level in (120, 255))


@pytest.fixture(scope="module")
def describer(tiny_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Describer:
    directory = shutil.copytree(tiny_bundle, tmp_path_factory.mktemp("dim") / "bundle")
    seen = np.abs(Encoder.load(directory).encode(np.stack([DARK, BRIGHT]))).max(axis=1)
    model = find_network("MobileNetV3Small").build()
    model.load_weights(directory / ENCODER_WEIGHTS_FILE)
    last = [each for each in model.layers if isinstance(each, keras.layers.BatchNormalization)][-1]
    # So much that one is as far below float16's end as the other is beyond.
    last.gamma.assign(last.gamma * 65504 / np.sqrt(np.prod(seen)))
    model.save_weights(directory / "loud.weights.h5")
    Encoder.build("MobileNetV3Small", str(directory / "loud.weights.h5")).save(directory)
    return Describer(directory)


def test_alternatives_of_a_photo_whose_features_are_no_numbers_are_refused(
    describer: Describer,
) -> None:
    assert describer.alternatives([DARK])
    with pytest.raises(DataError, match=r"within float16, up to 65504\. .* 1 of 2 photos"):
        describer.alternatives([DARK, BRIGHT])


def test_alternatives_or_errors_of_the_other_photos_are_told(describer: Describer) -> None:
    first, broken, second = describer.alternatives_or_errors([DARK, BRIGHT, DARK], beam_width=2)
    assert first == second == describer.alternatives([DARK], beam_width=2)[0]
    assert isinstance(broken, DataError)


def test_together_a_photo_whose_features_are_no_numbers_spoils_no_others(
    describer: Describer,
) -> None:
    together = Together(describer)
    with pytest.raises(DataError, match="1 of 1 photos"):
        together.alternatives([DARK, BRIGHT], beam_width=2)
    (said,) = together.alternatives([DARK], beam_width=2)
    assert said == describer.alternatives([DARK], beam_width=2)[0]
