from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from components.captioning.model.decoder import ModelConfig
from components.captioning.model.ensemble import (
    CaptionNetwork,
    Standardize,
    build_network,
    ensemble_logits,
)
from components.captioning.model.vocabulary import PAD, START

CONFIG = ModelConfig(
    vocabulary_size=7,
    feature_width=5,
    embedding_width=3,
    units=4,
    dropout=0.5,
    train_embeddings=True,
)
FEATURES = np.random.default_rng(0).normal(size=(2, 5)).astype(np.float32)
WORDS = np.array([[START, 4, 5, 6], [START, 6, 6, 4]])


def _scores(network: CaptionNetwork, words: np.ndarray) -> np.ndarray:
    scores = np.full((*words.shape, 7), np.nan, np.float32)
    logits = network({"features": FEATURES, "words": words})  # [W, M, 7]
    scores[words != PAD] = ensemble_logits(logits)  # [W, 7]
    return scores


@pytest.mark.parametrize("ensemble_size", [1, 3])
@pytest.mark.parametrize("decoder", ["init_inject", "par_inject"])
def test_network_whole_captions_and_single_steps_agree(decoder: Any, ensemble_size: int) -> None:
    network = build_network(replace(CONFIG, decoder=decoder, ensemble_size=ensemble_size), seed=1)
    network.standardize.adapt(np.random.default_rng(1).normal(2, 3, size=(20, 5)))
    state = network.start(FEATURES)
    for place in range(WORDS.shape[1]):
        logits, state = network.step(WORDS[:, place], state)
        np.testing.assert_allclose(logits, _scores(network, WORDS)[:, place], atol=1e-5)


def test_network_scores_depend_on_the_photo() -> None:
    scores = _scores(build_network(CONFIG), np.array([[START, 4], [START, 4]]))
    assert scores.shape == (2, 2, 7)
    assert np.abs(scores[0] - scores[1]).max() > 1e-3


def test_network_padding_at_the_end_changes_no_earlier_score() -> None:
    network = build_network(CONFIG)
    padded = np.pad(WORDS, ((0, 0), (0, 3)), constant_values=PAD)
    np.testing.assert_allclose(_scores(network, padded)[:, :4], _scores(network, WORDS), atol=1e-6)


def test_network_later_word_changes_no_earlier_score() -> None:
    network = build_network(CONFIG)
    other = WORDS.copy()
    other[:, 2] = 4, 5
    before, after = _scores(network, WORDS), _scores(network, other)
    np.testing.assert_allclose(after[:, :2], before[:, :2], atol=1e-6)
    assert np.abs(after[:, 2:] - before[:, 2:]).max() > 1e-4


def test_network_drops_out_only_in_training() -> None:
    network = build_network(CONFIG)
    inputs = {"features": FEATURES, "words": WORDS}
    np.testing.assert_array_equal(network(inputs), network(inputs))
    first, second = (np.asarray(network(inputs, training=True)) for _ in range(2))
    assert np.abs(first - second).max() > 1e-3


def test_build_network_same_seed_same_weights_and_dropout() -> None:
    one, other = build_network(CONFIG, seed=3), build_network(CONFIG, seed=3)
    for ours, theirs in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    inputs = {"features": FEATURES, "words": WORDS}
    np.testing.assert_array_equal(one(inputs, training=True), other(inputs, training=True))


def test_build_network_other_seed_other_weights() -> None:
    one, other = build_network(CONFIG, seed=3), build_network(CONFIG, seed=4)
    for name in ("embedding", "start_hidden", "start_cell", "init_inject", "words"):
        ours, theirs = (
            getattr(network.decoders[0], name).get_weights()[0] for network in (one, other)
        )
        assert np.abs(ours - theirs).max() > 1e-3, name


def test_build_network_parts_are_not_initialised_alike() -> None:
    one, other = build_network(replace(CONFIG, ensemble_size=2)).decoders
    kernels = [np.asarray(part.kernel) for part in (one.start_hidden, one.start_cell)]
    kernels.append(np.asarray(other.start_hidden.kernel))
    for ours, theirs in combinations(kernels, 2):
        assert np.abs(ours - theirs).max() > 1e-3


@pytest.mark.parametrize("trained", [True, False])
def test_build_network_embeddings_train_as_told(trained: bool) -> None:
    network = build_network(replace(CONFIG, train_embeddings=trained))
    names = [variable.path for variable in network.trainable_variables]
    assert any("embedding" in name for name in names) == trained
    assert not any("standardize" in name for name in names)


def test_network_weights_saved_and_loaded_are_the_same(tmp_path: Path) -> None:
    network = build_network(CONFIG, seed=1)
    network.standardize.adapt(np.random.default_rng(1).normal(2, 3, size=(20, 5)))
    network.save_weights(tmp_path / "network.weights.h5")
    loaded = build_network(CONFIG, seed=2)
    assert np.abs(_scores(loaded, WORDS) - _scores(network, WORDS)).max() > 1e-3
    loaded.load_weights(tmp_path / "network.weights.h5")
    np.testing.assert_array_equal(_scores(loaded, WORDS), _scores(network, WORDS))


def test_together_is_the_mean_of_probabilities() -> None:
    # Logits may be shifted: a softmax takes it away.
    shifts = np.array([[[5.0], [-1.0]]], np.float32)
    logits = np.log([[[0.2, 0.8], [0.6, 0.4]]]).astype(np.float32) + shifts
    said = np.exp(ensemble_logits(logits))
    np.testing.assert_allclose(said / said.sum(), [[0.4, 0.6]], atol=1e-6)


def test_together_of_one_member_is_what_it_says() -> None:
    np.testing.assert_array_equal(ensemble_logits(np.array([[[3.0, 4.0]]])), [[3.0, 4.0]])


def test_standardize_changes_nothing_at_first() -> None:
    np.testing.assert_array_equal(Standardize()(FEATURES), FEATURES)


def test_standardize_adapted_gives_mean_0_and_spread_1() -> None:
    # Columns: mean 3, spread 1; mean 0, spread 30; always 7.
    features = np.array([[2, -30, 7], [4, 30, 7]], np.float16)
    layer = Standardize()
    layer.build((None, 3))
    layer.adapt(features)
    np.testing.assert_allclose(layer(features), [[-1, -1, 0], [1, 1, 0]], atol=1e-6)
    # A feature that never varied says nothing, whatever it is later.
    np.testing.assert_allclose(layer(np.array([[5, 0, 900]])), [[2, 0, 0]], atol=1e-6)


def test_standardize_takes_half_precision_without_overflow() -> None:
    # 600 squared, and the sum of so many, are beyond float16's 65,504.
    features = np.array([[-600.0], [600.0]] * 500, np.float16)
    layer = Standardize()
    layer.build((None, 1))
    layer.adapt(features)
    np.testing.assert_allclose(layer(features)[:2], [[-1], [1]], atol=1e-6)
