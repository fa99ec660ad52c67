import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from components.analysis.alternatives import (
    Alternative,
    decoding_of,
    describe_with_alternatives,
    require_scored,
)
from components.artifacts.manifest import Photo
from components.captioning.decoding.reranking import RerankerData
from components.captioning.decoding.search import DecodingConfig
from components.captioning.encoder.encoder import Encoder
from components.captioning.inference.bundle import Bundle
from components.captioning.inference.captioner import Captioner
from components.captioning.model.decoder import ModelConfig
from components.captioning.model.ensemble import build_network
from components.captioning.model.vocabulary import SPECIAL_TOKENS, Vocabulary
from components.errors import DataError

WORDS = ("a", "dog", "runs")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of random weights with a real, small encoder."""
    directory = tmp_path_factory.mktemp("model")
    encoder = Encoder.build("MobileNetV2", "random")
    encoder.save(directory)
    vocabulary = Vocabulary([*SPECIAL_TOKENS, *WORDS])
    network = build_network(
        ModelConfig(len(vocabulary), encoder.spec.width, 3, 8, 0.0, train_embeddings=True)
    )
    random = np.random.default_rng(0)
    for variable in network.trainable_variables:
        variable.assign(random.normal(scale=0.5, size=variable.shape))
    reranker_data = RerankerData(np.zeros((1, encoder.spec.width), np.float16), [("a",)])
    Bundle(network, vocabulary, DecodingConfig(5, 1.0, max_words=3), reranker_data).save(directory)
    return directory


@pytest.fixture
def photos(tmp_path: Path) -> list[Photo]:
    made = []
    for image_id, colour in (("b.png", "teal"), ("a.png", "orange")):
        Image.new("RGB", (40, 30), colour).save(tmp_path / image_id)
        made.append(
            Photo(image_id, str(tmp_path / image_id), "0" * 64, 40, 30, "test", ("A dog.",))
        )
    return made


def test_describe_with_alternatives_ranks_each_photos_captions(
    model: Path, photos: list[Photo]
) -> None:
    found = describe_with_alternatives(model, photos, DecodingConfig(5, 1.0, max_words=3))
    assert [(one.image_id, one.rank) for one in found] == [
        (image_id, rank) for image_id in ("b.png", "a.png") for rank in (1, 2, 3, 4, 5)
    ]
    for rows in (found[:5], found[5:]):
        assert [one.score for one in rows] == sorted((one.score for one in rows), reverse=True)
        assert len({one.caption for one in rows}) == 5
    # The bundle's own decoding settings are the same.
    described = Captioner(model).describe([photo.uri for photo in photos])
    assert [found[0].caption, found[5].caption] == described


def test_describe_with_alternatives_leaves_out_what_does_not_exist(
    model: Path, photos: list[Photo]
) -> None:
    # Nothing, or one word of three: there are four captions, and not eight.
    found = describe_with_alternatives(model, photos[:1], DecodingConfig(8, 1.0, max_words=1))
    assert {one.caption for one in found} == {"", *WORDS}
    assert len(found) == 4


def test_decoding_of_scores(tmp_path: Path) -> None:
    facts = {"beam_width": 4, "length_penalty": 0.7, "max_words": 12, "reranking_weight": 3.0}
    (tmp_path / "scores.json").write_text(json.dumps(facts))
    assert decoding_of(tmp_path) == DecodingConfig(4, 0.7, 12, reranking_weight=3.0)


def test_require_scored_takes_any_place_in_the_beam() -> None:
    said = [Alternative("1.jpg", 1, -0.5, "a dog"), Alternative("1.jpg", 2, -0.5, "dog")]
    require_scored(said, {"1.jpg": "dog", "2.jpg": "never asked for"})


def test_require_scored_of_another_model_tells_what_to_do() -> None:
    said = [Alternative("1.jpg", 1, -0.5, "a dog"), Alternative("2.jpg", 1, -0.5, "a cat")]
    expected = "scored of 2.jpg: run the pipeline again with --no-cache. Received: 'a dog'"
    with pytest.raises(DataError, match=re.escape(expected)):
        require_scored(said, {"1.jpg": "a dog", "2.jpg": "a dog"})
