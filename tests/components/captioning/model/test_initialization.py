from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from components.captioning.model.decoder import ModelConfig
from components.captioning.model.ensemble import CaptionNetwork, build_network
from components.captioning.model.initialization import initialize_ensemble, random_projection

CONFIG = ModelConfig(
    vocabulary_size=7,
    feature_width=5,
    embedding_width=6,
    units=4,
    dropout=0.5,
    train_embeddings=True,
    decoder="par_inject",
    ensemble_size=3,
)
GLOVE = np.random.default_rng(0).normal(size=(7, 3)).astype(np.float32)


def _initialized(**changed: Any) -> tuple[CaptionNetwork, CaptionNetwork]:
    config = replace(CONFIG, **changed)
    built, initialized = build_network(config, seed=2), build_network(config, seed=2)
    initialize_ensemble(initialized, GLOVE, seed=5)
    return built, initialized


@pytest.mark.parametrize(
    ("decoder", "gain", "layers"),
    [
        ("par_inject", 0.115, ("image_projection", "start_hidden", "start_cell")),
        ("init_inject", 1.0, ("start_hidden", "start_cell")),
    ],
)
def test_initialize_ensemble_lowers_the_gain_of_every_third_par_inject_decoder(
    decoder: str, gain: float, layers: tuple[str, ...]
) -> None:
    built, initialized = _initialized(decoder=decoder)
    for before, after, expected in zip(
        built.decoders, initialized.decoders, (1, 1, gain), strict=True
    ):
        for name in layers:
            kernel = np.array(getattr(before, name).kernel)
            np.testing.assert_allclose(getattr(after, name).kernel, kernel * expected, rtol=1e-6)


def test_initialize_ensemble_projects_glove_separately_for_each_decoder() -> None:
    _, initialized = _initialized()
    stds = (0.1, 0.1, 0.3)
    for index, (decoder, std) in enumerate(zip(initialized.decoders, stds, strict=True)):
        embeddings = np.array(decoder.embedding.embeddings)
        np.testing.assert_array_equal(
            embeddings, random_projection(GLOVE, 6, seed=5 + index, std=std)
        )
        assert embeddings.std() == pytest.approx(std)


def test_random_projection_preserves_angles_and_rescales() -> None:
    matrix = np.random.default_rng(0).normal(size=(3, 20)).astype(np.float32)
    projected = random_projection(matrix, 4000, seed=1, std=0.2)
    assert projected.shape == (3, 4000)
    assert projected.std() == pytest.approx(0.2)
    np.testing.assert_allclose(_cosines(projected), _cosines(matrix), atol=0.05)


def _cosines(vectors: np.ndarray) -> np.ndarray:
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return units @ units.T


def test_random_projection_to_the_same_width_returns_the_matrix() -> None:
    matrix = np.ones((2, 3), np.float32)
    assert random_projection(matrix, 3, seed=1, std=0.1) is matrix


def test_initialize_ensemble_without_glove_draws_each_decoders_embeddings() -> None:
    config = replace(CONFIG, vocabulary_size=3000)
    networks = [build_network(config, seed=2) for _ in range(2)]
    for network in networks:
        initialize_ensemble(network, np.zeros((3000, 0), np.float32), seed=5)
    first, again = (
        [np.array(decoder.embedding.embeddings) for decoder in network.decoders]
        for network in networks
    )
    for drawn, std in zip(first, (0.1, 0.1, 0.3), strict=True):
        assert drawn.shape == (3000, 6)
        assert drawn.std() == pytest.approx(std, rel=0.02)
        assert drawn.mean() == pytest.approx(0, abs=0.01)
    np.testing.assert_array_equal(first, again)
    assert (first[0] != first[1]).any()
