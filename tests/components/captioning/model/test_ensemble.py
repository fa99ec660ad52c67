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
TOKENS = np.array([[START, 4, 5, 6], [START, 6, 6, 4]])


def _logits(network: CaptionNetwork, tokens: np.ndarray) -> np.ndarray:
    padded = np.full((*tokens.shape, 7), np.nan, np.float32)
    logits = network({"features": FEATURES, "tokens": tokens})  # [W, M, 7]
    padded[tokens != PAD] = ensemble_logits(logits)  # [W, 7]
    return padded


@pytest.mark.parametrize("ensemble_size", [1, 3])
@pytest.mark.parametrize("decoder", ["init_inject", "par_inject"])
def test_network_teacher_forcing_and_single_steps_agree(decoder: Any, ensemble_size: int) -> None:
    network = build_network(replace(CONFIG, decoder=decoder, ensemble_size=ensemble_size), seed=1)
    network.standardize.adapt([np.random.default_rng(1).normal(2, 3, size=(20, 5))])
    state = network.start(FEATURES)
    for position in range(TOKENS.shape[1]):
        logits, state = network.step(TOKENS[:, position], state)
        np.testing.assert_allclose(logits, _logits(network, TOKENS)[:, position], atol=1e-5)


def test_network_logits_depend_on_the_photo() -> None:
    logits = _logits(build_network(CONFIG), np.array([[START, 4], [START, 4]]))
    assert logits.shape == (2, 2, 7)
    assert np.abs(logits[0] - logits[1]).max() > 1e-3


def test_network_padding_does_not_change_earlier_logits() -> None:
    network = build_network(CONFIG)
    padded = np.pad(TOKENS, ((0, 0), (0, 3)), constant_values=PAD)
    np.testing.assert_allclose(_logits(network, padded)[:, :4], _logits(network, TOKENS), atol=1e-6)


def test_network_later_tokens_do_not_change_earlier_logits() -> None:
    network = build_network(CONFIG)
    other = TOKENS.copy()
    other[:, 2] = 4, 5
    before, after = _logits(network, TOKENS), _logits(network, other)
    np.testing.assert_allclose(after[:, :2], before[:, :2], atol=1e-6)
    assert np.abs(after[:, 2:] - before[:, 2:]).max() > 1e-4


def test_network_applies_dropout_only_in_training() -> None:
    network = build_network(CONFIG)
    inputs = {"features": FEATURES, "tokens": TOKENS}
    np.testing.assert_array_equal(network(inputs), network(inputs))
    first, second = (np.asarray(network(inputs, training=True)) for _ in range(2))
    assert np.abs(first - second).max() > 1e-3


def test_build_network_same_seed_same_weights_and_dropout() -> None:
    one, other = build_network(CONFIG, seed=3), build_network(CONFIG, seed=3)
    for first, second in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(first, second)
    inputs = {"features": FEATURES, "tokens": TOKENS}
    np.testing.assert_array_equal(one(inputs, training=True), other(inputs, training=True))


def test_build_network_other_seed_other_weights() -> None:
    one, other = build_network(CONFIG, seed=3), build_network(CONFIG, seed=4)
    for name in ("embedding", "start_hidden", "start_cell", "lstm", "output_projection"):
        first, second = (
            getattr(network.decoders[0], name).get_weights()[0] for network in (one, other)
        )
        assert np.abs(first - second).max() > 1e-3, name


def test_build_network_layers_and_decoders_have_different_initial_weights() -> None:
    one, other = build_network(replace(CONFIG, ensemble_size=2)).decoders
    kernels = [np.asarray(part.kernel) for part in (one.start_hidden, one.start_cell)]
    kernels.append(np.asarray(other.start_hidden.kernel))
    for first, second in combinations(kernels, 2):
        assert np.abs(first - second).max() > 1e-3


@pytest.mark.parametrize("trained", [True, False])
def test_build_network_embeddings_are_trainable_if_set(trained: bool) -> None:
    network = build_network(replace(CONFIG, train_embeddings=trained))
    names = [variable.path for variable in network.trainable_variables]
    assert any("embedding" in name for name in names) == trained
    assert not any("standardize" in name for name in names)


def test_network_weights_saved_and_loaded_are_the_same(tmp_path: Path) -> None:
    network = build_network(CONFIG, seed=1)
    network.standardize.adapt([np.random.default_rng(1).normal(2, 3, size=(20, 5))])
    network.save_weights(tmp_path / "network.weights.h5")
    loaded = build_network(CONFIG, seed=2)
    assert np.abs(_logits(loaded, TOKENS) - _logits(network, TOKENS)).max() > 1e-3
    loaded.load_weights(tmp_path / "network.weights.h5")
    np.testing.assert_array_equal(_logits(loaded, TOKENS), _logits(network, TOKENS))


def test_ensemble_logits_are_of_the_mean_probability() -> None:
    # A softmax is invariant to shifts of the logits.
    shifts = np.array([[[5.0], [-1.0]]], np.float32)
    logits = np.log([[[0.2, 0.8], [0.6, 0.4]]]).astype(np.float32) + shifts
    probabilities = np.exp(ensemble_logits(logits))
    np.testing.assert_allclose(probabilities / probabilities.sum(), [[0.4, 0.6]], atol=1e-6)


def test_ensemble_logits_of_one_decoder_are_its_own() -> None:
    np.testing.assert_array_equal(ensemble_logits(np.array([[[3.0, 4.0]]])), [[3.0, 4.0]])


def test_standardize_is_initially_the_identity() -> None:
    np.testing.assert_array_equal(Standardize()(FEATURES), FEATURES)


def test_standardize_adapted_gives_mean_0_and_standard_deviation_1() -> None:
    # Columns: mean 3, standard deviation 1; mean 0, standard deviation 30; constant 7.
    features = np.array([[2, -30, 7], [4, 30, 7]], np.float16)
    layer = Standardize()
    layer.build((None, 3))
    layer.adapt([features])
    np.testing.assert_allclose(layer(features), [[-1, -1, 0], [1, 1, 0]], atol=1e-6)
    # A feature that was constant is ignored, whatever its value later.
    np.testing.assert_allclose(layer(np.array([[5, 0, 900]])), [[2, 0, 0]], atol=1e-6)


def test_standardize_of_float16_does_not_overflow() -> None:
    # 600 squared, and the sum of so many, are beyond float16's 65,504.
    features = np.array([[-600.0], [600.0]] * 500, np.float16)
    layer = Standardize()
    layer.build((None, 1))
    layer.adapt([features])
    np.testing.assert_allclose(layer(features)[:2], [[-1], [1]], atol=1e-6)


def test_standardize_adapted_to_blocks_is_that_of_all_features() -> None:
    features = np.random.default_rng(2).normal(3, 2, size=(10, 4)).astype(np.float16)
    whole, blocks = Standardize(), Standardize()
    for layer in (whole, blocks):
        layer.build((None, 4))
    whole.adapt([features])
    blocks.adapt(iter([features[:1], features[1:7], features[7:]]))
    np.testing.assert_allclose(blocks.mean, whole.mean, rtol=1e-6)
    np.testing.assert_allclose(blocks.scale, whole.scale, rtol=1e-6)
    values = features.astype(np.float64)
    np.testing.assert_array_equal(whole.scale, (1 / values.std(axis=0)).astype(np.float32))
