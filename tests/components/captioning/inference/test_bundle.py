from pathlib import Path

import h5py
import numpy as np
import pytest

from components.artifacts.files import write_json
from components.captioning.decoding.reranking import CAPTIONS_FILE, FEATURES_FILE, RerankerData
from components.captioning.decoding.search import DecodingConfig
from components.captioning.inference.bundle import Bundle
from components.captioning.model.decoder import ModelConfig
from components.captioning.model.ensemble import build_network
from components.captioning.model.vocabulary import END, SPECIAL_TOKENS, Vocabulary
from components.errors import DataError

A, DOG, CAT = 4, 5, 6
FEATURES = np.array([[1.0, 0.0]], np.float32)


@pytest.fixture
def bundle() -> Bundle:
    """Generates "dog" with probability 0.3, "cat" with 0.2, "a" with 0.1, and `END` with 0.4."""
    vocabulary = Vocabulary([*SPECIAL_TOKENS, "a", "dog", "cat"])
    network = build_network(ModelConfig(7, 2, 2, 3, 0.0, True, "par_inject"), seed=1)
    bias = np.full(7, -20.0, np.float32)
    bias[[END, A, DOG, CAT]] = np.log([0.4, 0.1, 0.3, 0.2])
    network.decoders[0].output_projection.set_weights([np.zeros((3, 7)), bias])
    reranker_data = RerankerData(
        np.array([[1, 0], [0, 1]], np.float16), [("cat", "a cat"), ("a house by the sea",)]
    )
    return Bundle(network, vocabulary, DecodingConfig(4, 0.0, max_words=1), reranker_data)


def _captions(bundle: Bundle) -> list[tuple[str, float]]:
    return [(caption.text, caption.score) for caption in bundle.alternatives(FEATURES)[0]]


def test_save_leaves_out_the_optimizer(bundle: Bundle, tmp_path: Path) -> None:
    bundle.network.compile(optimizer="adam")
    bundle.network.optimizer.build(bundle.network.trainable_variables)
    bundle.save(tmp_path)
    with h5py.File(tmp_path / "network.weights.h5") as weights:
        assert "optimizer" not in weights
    assert _captions(Bundle.load(tmp_path)) == _captions(bundle)


def test_alternatives_are_ranked_by_log_probability(bundle: Bundle) -> None:
    # In the last position only END is allowed, with its probability of 0.4.
    expected = (("", 0.4), ("dog", 0.3 * 0.4), ("cat", 0.2 * 0.4), ("a", 0.1 * 0.4))
    captions = _captions(bundle)
    assert [text for text, _ in captions] == [text for text, _ in expected]
    assert [score for _, score in captions] == pytest.approx(
        np.log([probability for _, probability in expected]), abs=1e-4
    )
    assert bundle.captions(FEATURES) == [""]


def test_alternatives_with_another_beam_width_leave_the_bundle_unchanged(
    bundle: Bundle,
) -> None:
    all_four = _captions(bundle)
    (narrow,) = bundle.alternatives(FEATURES, beam_width=2)
    assert [(caption.text, caption.score) for caption in narrow] == all_four[:2]
    assert _captions(bundle) == all_four


def test_alternatives_with_reranking_prefer_captions_of_similar_train_photos(
    bundle: Bundle,
) -> None:
    before = dict(_captions(bundle))
    bundle.decoding = DecodingConfig(4, 0.0, max_words=1, reranking_weight=50.0)
    after = dict(_captions(bundle))
    assert bundle.captions(FEATURES) == ["cat"]
    scores = bundle.reranker_data.reranker.score(FEATURES, [["cat", "dog"]])[0]
    assert after["cat"] == pytest.approx(before["cat"] + 50 * scores[0])
    assert after["dog"] == pytest.approx(before["dog"] + 50 * scores[1])


def test_bundle_saved_and_loaded_gives_the_same_captions(bundle: Bundle, tmp_path: Path) -> None:
    bundle.decoding = DecodingConfig(4, 0.0, max_words=1, reranking_weight=50.0)
    bundle.save(tmp_path)
    loaded = Bundle.load(tmp_path)
    assert loaded.decoding == bundle.decoding
    assert loaded.alternatives(FEATURES) == bundle.alternatives(FEATURES)


def test_bundle_without_reranker_data_is_refused(bundle: Bundle, tmp_path: Path) -> None:
    bundle.save(tmp_path)
    (tmp_path / FEATURES_FILE).unlink()
    with pytest.raises(DataError, match=r"must be a whole model bundle: .*reranker_features\.npy"):
        Bundle.load(tmp_path)


def test_bundle_scored_with_another_reranking_method_is_refused(
    bundle: Bundle, tmp_path: Path
) -> None:
    for weight, folder in ((0.0, tmp_path / "without"), (50.0, tmp_path / "with")):
        folder.mkdir()
        bundle.decoding = DecodingConfig(4, 0.0, max_words=1, reranking_weight=weight)
        bundle.save(folder)
        content = {"method": "nearest photos", "captions": bundle.reranker_data.captions}
        write_json(folder / CAPTIONS_FILE, content)
    assert _captions(Bundle.load(tmp_path / "without"))
    with pytest.raises(
        DataError, match=r"reranking by ridge regression.*reranker_captions\.json: nearest photos"
    ):
        Bundle.load(tmp_path / "with")
