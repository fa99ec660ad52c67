"""A decoder: dropout, GloVe embedding and an LSTM that speaks of the photo.

Two kinds, both in the line of *Show and Tell* (Vinyals et al., 2015, arXiv:1411.4555): the
photo's features start the LSTM, which then predicts each next word from the words before it.

* `lstm`: the photo is seen at the start only ("init-inject", Tanti et al., 2018, arXiv:1703.09137).
* `guided`: it is also added to each word that the LSTM takes in, so that it is not forgotten (as
  in gLSTM, Jia et al., 2015, arXiv:1509.04942).
"""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import keras
import numpy as np
from keras import layers, ops
from pydantic import Field

from components.captioning.model.cpu_lstm import CpuLSTM
from components.captioning.model.vocabulary import PAD, SPECIAL_TOKENS
from components.settings.bounds import EmbeddingWidth, EnsembleSize, Share, Units

#: Hidden and cell state of the LSTM, each float [B, units]; with the decoder `guided` also what
#: is added to each word, float [B, E].
State = tuple[Any, ...]


@dataclass(frozen=True)
class ModelConfig:
    """What fixes the network's shape, and so which weights fit it.

    Bounds hold for what is read from a bundle.

    Attributes:
        vocabulary_size: V, marks included.
        feature_width: D, numbers a photo.
        embedding_width: E, numbers a word.
        units: Width of the LSTM.
        dropout: Share of features, embeddings and LSTM outputs dropped while training.
        train_embeddings: Whether training changes the GloVe vectors.
        decoder: Whether the photo is seen at the start only (`lstm`) or at each word (`guided`).
        ensemble_size: Decoders of that kind that speak together.
    """

    vocabulary_size: Annotated[int, Field(gt=len(SPECIAL_TOKENS))]
    feature_width: Annotated[int, Field(ge=1, le=65_536)]
    embedding_width: EmbeddingWidth
    units: Units
    dropout: Share
    train_embeddings: bool
    decoder: Literal["init_inject", "par_inject"] = "init_inject"
    ensemble_size: EnsembleSize = 1

    @property
    def least_size(self) -> int:
        """Bytes that the weights take at least: embedding, LSTM and output of each decoder."""
        words = self.vocabulary_size * (self.embedding_width + self.units + 1)
        lstm = 4 * self.units * (self.embedding_width + self.units + 1)
        return 4 * self.ensemble_size * (words + lstm)


class Decoder(layers.Layer):
    """Scores every next word of captions, given their photos and the words before.

    Args:
        config: The decoder's shape.
        seed: Fixes initial weights and dropout.
        name: Of the layer.
    """

    def __init__(self, config: ModelConfig, seed: np.random.SeedSequence, name: str) -> None:
        super().__init__(name=name)
        # Each random part gets a seed of its own, so that none depends on the order of building.
        seeds = iter(seed.generate_state(16).tolist())

        def initializer(name: str = "glorot_uniform") -> keras.Initializer:
            return keras.initializers.get({"class_name": name, "config": {"seed": next(seeds)}})

        def dropout(name: str) -> layers.Dropout:
            return layers.Dropout(config.dropout, seed=next(seeds), name=name)

        def dense(width: int, name: str, **kwargs: Any) -> layers.Dense:
            return layers.Dense(width, kernel_initializer=initializer(), name=name, **kwargs)

        self.feature_dropout = dropout("feature_dropout")
        self.start_hidden = dense(config.units, "start_hidden", activation="tanh")
        self.start_cell = dense(config.units, "start_cell")
        guided = config.decoder == "par_inject"
        self.image_projection = (
            dense(config.embedding_width, "image_projection") if guided else None
        )
        self.embedding = layers.Embedding(
            config.vocabulary_size,
            config.embedding_width,
            embeddings_initializer=initializer("random_uniform"),
            trainable=config.train_embeddings,
            name="embedding",
        )
        self.embedding_dropout = dropout("embedding_dropout")
        # tanh, sigmoid, no recurrent dropout, no unrolling: what cuDNN's LSTM kernel can do.
        self.lstm = CpuLSTM(
            config.units,
            return_sequences=True,
            kernel_initializer=initializer(),
            recurrent_initializer=initializer("orthogonal"),
            name="lstm",
        )
        self.output_dropout = dropout("output_dropout")
        # float32 under mixed precision too: a softmax over thousands of words needs it.
        self.words = dense(config.vocabulary_size, "words", dtype="float32")

    def start(self, features: Any, training: bool = False) -> State:
        """Returns the first state for photos' standardised features, float [B, D]."""
        seen = self.feature_dropout(features, training=training)
        state = (self.start_hidden(seen), self.start_cell(seen))
        return state if self.image_projection is None else (*state, self.image_projection(seen))

    def step(self, words: Any, state: State) -> tuple[Any, State]:
        """Goes one word further, outside training.

        Args:
            words: int [B], the word just said; `START` at first.
            state: From `start` or the step before.

        Returns:
            Logits of the next word, float32 [B, V], and the state after this word.
        """
        hidden, cell, *image_projection = state
        inputs = self.embedding(words)  # [B, E]
        for seen in image_projection:
            inputs = inputs + seen
        output, (hidden, cell) = self.lstm.cell(inputs, [hidden, cell])
        return self.words(output), (hidden, cell, *image_projection)

    def call(self, features: Any, words: Any, training: bool = False) -> Any:
        """Scores all next words of whole captions at once (teacher forcing).

        Args:
            features: float [B, D], standardised.
            words: int [B, T], each caption from `START` on. Padding may stand only at the end.
            training: Whether dropout is on.

        Returns:
            Logits of the next word at each place that holds a word, caption by caption, float32
            [W, V]: padding costs no softmax.
        """
        hidden, cell, *image_projection = self.start(features, training=training)
        embedded = self.embedding_dropout(self.embedding(words), training=training)
        for seen in image_projection:
            embedded = embedded + ops.expand_dims(seen, 1)  # [B, T, E] + [B, 1, E]
        outputs = self.lstm(embedded, initial_state=[hidden, cell])  # [B, T, units]
        outputs = mask_padding(outputs, words)  # [W, units]
        return self.words(self.output_dropout(outputs, training=training))


def mask_padding(values: Any, words: Any) -> Any:
    """Picks the places that hold words.

    Args:
        values: [B, T] or [B, T, …].
        words: int [B, T], `PAD` where there is none.

    Returns:
        The values there, caption by caption, [W] or [W, …].
    """
    places = ops.nonzero(ops.reshape(words, (-1,)) != PAD)[0]  # [W]
    flat = ops.reshape(values, (-1, *values.shape[2:]))  # [B, T, …] -> [B * T, …]
    return ops.take(flat, places, axis=0)
