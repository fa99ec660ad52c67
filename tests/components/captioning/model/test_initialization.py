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


def _begun(**changed: Any) -> tuple[CaptionNetwork, CaptionNetwork]:
    config = replace(CONFIG, **changed)
    built, begun = build_network(config, seed=2), build_network(config, seed=2)
    initialize_ensemble(begun, GLOVE, seed=5)
    return built, begun


@pytest.mark.parametrize(("decoder", "third"), [("par_inject", 0.115), ("init_inject", 1.0)])
def test_begin_hushes_the_third_guided_member_alone(decoder: str, third: float) -> None:
    built, begun = _begun(decoder=decoder)
    for before, after, hushed in zip(built.decoders, begun.decoders, (1, 1, third), strict=True):
        for name in ("guide", "start_hidden", "start_cell"):
            if (view := getattr(before, name)) is not None:
                kernel = getattr(after, name).kernel
                np.testing.assert_allclose(kernel, np.array(view.kernel) * hushed, rtol=1e-6)


def test_begin_gives_each_member_glove_projected_for_itself() -> None:
    _, begun = _begun()
    spreads = (0.1, 0.1, 0.3)
    for index, (decoder, spread) in enumerate(zip(begun.decoders, spreads, strict=True)):
        words = np.array(decoder.embedding.embeddings)
        np.testing.assert_array_equal(
            words, random_projection(GLOVE, 6, seed=5 + index, spread=spread)
        )
        assert words.std() == pytest.approx(spread)


def test_widen_keeps_angles_about_and_scales() -> None:
    matrix = np.random.default_rng(0).normal(size=(3, 20)).astype(np.float32)
    wide = random_projection(matrix, 4000, seed=1, spread=0.2)
    assert wide.shape == (3, 4000)
    assert wide.std() == pytest.approx(0.2)
    np.testing.assert_allclose(_cosines(wide), _cosines(matrix), atol=0.05)


def _cosines(vectors: np.ndarray) -> np.ndarray:
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return units @ units.T


def test_widen_to_the_same_width_changes_nothing() -> None:
    matrix = np.ones((2, 3), np.float32)
    assert random_projection(matrix, 3, seed=1, spread=0.1) is matrix
