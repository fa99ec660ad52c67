"""An untrained caption network for timing searches, with captions of realistic lengths."""

from typing import Any

import numpy as np
from keras import ops
from numpy.typing import NDArray
from our_trainer import our_settings

from components.captioning.model.decoder import ModelConfig
from components.captioning.model.ensemble import build_network
from components.captioning.model.vocabulary import END, START

_VOCABULARY_SIZE, _GLOVE_WIDTH = 2533, 50


class PacedNetwork:
    """A network with random weights whose captions are as long as those of a trained one.

    Args:
        features: float32 [N, D], for calibrating the standard deviation of the logits.
        seed: Seed of the weights.
    """

    def __init__(self, features: NDArray[np.float32], seed: int = 0) -> None:
        settings = our_settings()
        self.config = ModelConfig(
            vocabulary_size=_VOCABULARY_SIZE,
            feature_width=features.shape[1],
            embedding_width=settings.embedding_width or _GLOVE_WIDTH,
            units=settings.units,
            dropout=0.0,
            train_embeddings=True,
            decoder=settings.decoder,
            ensemble_size=settings.ensemble_size,
        )
        self._network = build_network(self.config, seed)
        # A perplexity of about 15, like a trained network: ln V - std^2 / 2 = ln 15.
        std = (2 * np.log(_VOCABULARY_SIZE / 15)) ** 0.5
        tokens = np.full(len(features), START)
        for decoder in self._network.decoders:
            embedding = decoder.embedding.embeddings
            embedding.assign(np.random.default_rng(seed).normal(scale=0.5, size=embedding.shape))
            logits, _ = decoder.step(tokens, decoder.start(features))
            kernel = decoder.output_projection.kernel
            kernel.assign(kernel * (std / np.std(logits)))
        self._is_end = np.eye(_VOCABULARY_SIZE, dtype=np.float32)[END]

    def start(self, features: Any) -> tuple[Any, ...]:
        """Returns the network's initial state and the position in the caption, 0."""
        state = self._network.start(features)
        return (*state, ops.zeros_like(state[0][:, 0]))

    def step(self, tokens: Any, state: tuple[Any, ...]) -> tuple[Any, tuple[Any, ...]]:
        """Advances captions by one token; `END` becomes more probable with each position."""
        *state, position = state
        logits, state = self._network.step(tokens, tuple(state))
        ending = ops.expand_dims(1.5 * position - 3.0, 1) * self._is_end  # [R, V]
        return logits + ending, (*state, position + 1)
