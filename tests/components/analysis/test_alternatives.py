import shutil
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny_encoder import write_encoder

from components.analysis.alternatives import describe_with_alternatives
from components.artifacts.captions import VOCABULARY_FILE
from components.artifacts.checksums import write_checksums
from components.artifacts.decoding import write_decoding
from components.artifacts.manifest import Photo
from components.captioning.decoding.reranker_data import RerankerData
from components.captioning.decoding.search import DecodingConfig
from components.captioning.encoder.onnx.encoder import OnnxEncoder
from components.captioning.inference.bundle import Bundle
from components.captioning.inference.captioner import Captioner
from components.captioning.inference.confidence import Calibration
from components.captioning.model.decoder import ModelConfig
from components.captioning.model.ensemble import build_network
from components.captioning.model.normalizer import NORMALIZER
from components.captioning.model.vocabulary import SPECIAL_TOKENS, Vocabulary

WORDS = ("a", "dog", "runs")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory, calibration: Calibration) -> Path:
    """A bundle with random weights and a small encoder."""
    directory = tmp_path_factory.mktemp("model")
    encoder = OnnxEncoder.build(write_encoder(tmp_path_factory.mktemp("encoder")))
    encoder.save(directory)
    vocabulary = Vocabulary([*SPECIAL_TOKENS, *WORDS])
    network = build_network(
        ModelConfig(len(vocabulary), encoder.spec.width, 3, 8, 0.0, train_embeddings=True)
    )
    NORMALIZER.save(directory)
    random = np.random.default_rng(0)
    for variable in network.trainable_variables:
        variable.assign(random.normal(scale=0.5, size=variable.shape))
    reranker_data = RerankerData(np.zeros((1, encoder.spec.width), np.float16), [("a",)])
    decoding = DecodingConfig(5, 1.0, max_words=3)
    Bundle(network, vocabulary, decoding, reranker_data, calibration).save(directory)
    return directory


@pytest.fixture
def photos(tmp_path: Path) -> list[Photo]:
    photos = []
    for image_id, colour in (("b.png", "teal"), ("a.png", "orange")):
        Image.new("RGB", (40, 30), colour).save(tmp_path / image_id)
        photos.append(
            Photo(image_id, str(tmp_path / image_id), "0" * 64, 40, 30, "test", ("A dog.",))
        )
    return photos


def test_describe_with_alternatives_ranks_the_captions_of_each_photo(
    model: Path, photos: list[Photo]
) -> None:
    alternatives = describe_with_alternatives(model, photos)
    assert [(item.image_id, item.rank) for item in alternatives] == [
        (image_id, rank) for image_id in ("b.png", "a.png") for rank in (1, 2, 3, 4, 5)
    ]
    for beam in (alternatives[:5], alternatives[5:]):
        scores = [item.score for item in beam]
        assert scores == sorted(scores, reverse=True)
        assert len({item.caption for item in beam}) == 5
    described = Captioner(model).describe([photo.uri for photo in photos])
    assert [alternatives[0].caption, alternatives[5].caption] == described


def test_describe_with_alternatives_uses_the_decoding_settings_of_the_model(
    model: Path, photos: list[Photo], tmp_path: Path
) -> None:
    # The empty caption, or one of three words: only four captions exist, fewer than the beam width.
    other = shutil.copytree(model, tmp_path / "model")
    write_decoding(other, asdict(DecodingConfig(8, 1.0, max_words=1)))
    write_checksums(other)
    alternatives = describe_with_alternatives(other, photos[:1])
    assert {item.caption for item in alternatives} == {"", *WORDS}
    assert len(alternatives) == 4


def test_describe_with_alternatives_joins_characters_of_scripts_without_spaces(
    model: Path, photos: list[Photo], tmp_path: Path
) -> None:
    other = shutil.copytree(model, tmp_path / "model")
    Vocabulary([*SPECIAL_TOKENS, "\u72d7", "\u5728", "\u8dd1"]).save(other / VOCABULARY_FILE)
    write_checksums(other)
    captions = [item.caption for item in describe_with_alternatives(other, photos)]
    assert max(map(len, captions)) > 1
    assert not any(" " in caption for caption in captions)
