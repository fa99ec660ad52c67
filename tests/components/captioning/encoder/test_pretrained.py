"""InceptionV3 with pretrained weights, on photos."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from components.captioning.encoder.encoder import Encoder
from components.captioning.encoder.images import load_photo
from components.captioning.encoder.precision import Precision, has_bfloat16

SHARED = Path(__file__).parents[4].parent / "shared"
WEIGHTS = SHARED / "encoders" / "inception_v3.trained.weights.h5"
PHOTOS = sorted((SHARED / "flickr8k").rglob("*.jpg"))[:4]

pytestmark = pytest.mark.skipif(not PHOTOS or not WEIGHTS.exists(), reason="needs ../shared")


def _encoder(precision: Precision) -> Encoder:
    return Encoder.build("InceptionV3", str(WEIGHTS), batch_size=len(PHOTOS), precision=precision)


@pytest.fixture(scope="module")
def batch() -> NDArray[np.uint8]:
    return np.stack([load_photo(path, 299) for path in PHOTOS])


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return _encoder("float32")


@pytest.fixture(scope="module")
def features(encoder: Encoder, batch: NDArray[np.uint8]) -> NDArray[np.float32]:
    return encoder.encode(batch)


def test_pretrained_features_distinguish_photos(
    encoder: Encoder, features: NDArray[np.float32]
) -> None:
    assert encoder.spec.weights == "file"
    assert (encoder.spec.width, encoder.spec.size) == (2048, 299)
    assert (features >= 0).all()  # Means of ReLU outputs.
    assert np.corrcoef(features[0], features[1])[0, 1] < 0.99


@pytest.mark.skipif(not has_bfloat16(), reason="needs a processor with bfloat16")
def test_pretrained_features_in_bfloat16_are_close_to_float32(
    features: NDArray[np.float32], batch: NDArray[np.uint8]
) -> None:
    rounded = _encoder("bfloat16").encode(batch)
    lengths = np.linalg.norm(features, axis=1) * np.linalg.norm(rounded, axis=1)
    assert 0.999 < ((features * rounded).sum(axis=1) / lengths).min() < 1
