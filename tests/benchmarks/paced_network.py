"""A caption network for timing a search: no training, yet captions of lifelike lengths."""

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
    """A network of random weights that ends its captions as a trained one does.

    Args:
        features: float32 [N, D], to learn the logits' spread from.
        seed: Fixes the weights.
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
        # Perplexity about 15, as of a trained network: ln V - spread^2 / 2 = ln 15.
        spread = (2 * np.log(_VOCABULARY_SIZE / 15)) ** 0.5
        said = np.full(len(features), START)
        for decoder in self._network.decoders:
            embedding = decoder.embedding.embeddings
            embedding.assign(np.random.default_rng(seed).normal(scale=0.5, size=embedding.shape))
            logits, _ = decoder.step(said, decoder.start(features))
            kernel = decoder.words.kernel
            kernel.assign(kernel * (spread / np.std(logits)))
        self._is_end = np.eye(_VOCABULARY_SIZE, dtype=np.float32)[END]

    def start(self, features: Any) -> tuple[Any, ...]:
        """Returns the network's first state, and beside it the place in the caption: 0."""
        state = self._network.start(features)
        return (*state, ops.zeros_like(state[0][:, 0]))

    def step(self, words: Any, state: tuple[Any, ...]) -> tuple[Any, tuple[Any, ...]]:
        """Goes one word further; the end becomes likelier with each."""
        *state, place = state
        logits, state = self._network.step(words, tuple(state))
        ending = ops.expand_dims(1.5 * place - 3.0, 1) * self._is_end  # [R, V]
        return logits + ending, (*state, place + 1)
