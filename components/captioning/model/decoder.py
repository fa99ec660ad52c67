"""A decoder: an LSTM language model conditioned on the photo.

Both variants follow *Show and Tell* (Vinyals et al., 2015, arXiv:1411.4555): the photo's features
set the initial state of the LSTM, which then predicts each next token from the tokens before it.

* `init_inject`: the photo sets the initial state only (Tanti et al., 2018, arXiv:1703.09137).
* `par_inject`: a projection of the photo is also added to every word embedding, so that the LSTM
  does not forget it (as in gLSTM, Jia et al., 2015, arXiv:1509.04942).
"""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import keras
import numpy as np
from keras import layers, ops
from pydantic import Field

from components.captioning.model.vocabulary import PAD, SPECIAL_TOKENS
from components.settings.bounds import EmbeddingWidth, EnsembleSize, Share, Units

#: Hidden and cell state of the LSTM, each float [B, units]; for `par_inject` also the image
#: projection that is added to every word embedding, float [B, E].
State = tuple[Any, ...]


@dataclass(frozen=True)
class ModelConfig:
    """The network's dimensions, which determine the shapes of its weights.

    Values read from a bundle are checked against these bounds.

    Attributes:
        vocabulary_size: V, including special tokens.
        feature_width: D, features per photo.
        embedding_width: E, dimensions of a word embedding.
        units: Width of the LSTM.
        dropout: Dropout rate of features, embeddings and LSTM outputs.
        train_embeddings: Whether the GloVe vectors are fine-tuned.
        decoder: Whether the photo conditions the initial state only (`init_inject`) or every step
            (`par_inject`).
        ensemble_size: Decoders trained jointly, whose probabilities are averaged.
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
    def min_weight_bytes(self) -> int:
        """Minimum size of the weights: embedding, LSTM and output layer of each decoder."""
        words = self.vocabulary_size * (self.embedding_width + self.units + 1)
        lstm = 4 * self.units * (self.embedding_width + self.units + 1)
        return 4 * self.ensemble_size * (words + lstm)


class Decoder(layers.Layer):
    """Predicts each next token of a caption from the photo and the tokens before it.

    Args:
        config: The decoder's dimensions.
        seed: Seed of initial weights and dropout.
        name: Name of the layer.
    """

    def __init__(self, config: ModelConfig, seed: np.random.SeedSequence, name: str) -> None:
        super().__init__(name=name)
        # Each random part has its own seed, so that none depends on the order of building.
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
        self.image_projection = (
            dense(config.embedding_width, "image_projection")
            if config.decoder == "par_inject"
            else None
        )
        self.embedding = layers.Embedding(
            config.vocabulary_size,
            config.embedding_width,
            embeddings_initializer=initializer("random_uniform"),
            trainable=config.train_embeddings,
            name="embedding",
        )
        self.embedding_dropout = dropout("embedding_dropout")
        # tanh, sigmoid, no recurrent dropout, no unrolling: what cuDNN's LSTM kernel requires.
        self.lstm = layers.LSTM(
            config.units,
            return_sequences=True,
            kernel_initializer=initializer(),
            recurrent_initializer=initializer("orthogonal"),
            name="lstm",
        )
        self.output_dropout = dropout("output_dropout")
        # float32 under mixed precision too: a softmax over thousands of tokens needs it.
        self.output_projection = dense(config.vocabulary_size, "output_projection", dtype="float32")

    def build(
        self, features_shape: tuple[int | None, ...], tokens_shape: tuple[int | None, ...]
    ) -> None:
        """Creates the weights; without this method, Keras would trace `call` to find their shapes.

        Args:
            features_shape: The shape of standardized features, [B, D].
            tokens_shape: The shape of tokens, [B, T].
        """
        for layer in (self.start_hidden, self.start_cell, self.image_projection):
            if layer is not None:
                layer.build(features_shape)
        self.embedding.build(tokens_shape)
        self.lstm.build((*tokens_shape, self.embedding.output_dim))
        self.output_projection.build((None, self.lstm.units))

    @property
    def dropouts(self) -> tuple[layers.Dropout, ...]:
        """The dropout layers."""
        return self.feature_dropout, self.embedding_dropout, self.output_dropout

    def start(self, features: Any, training: bool = False) -> State:
        """Returns the initial state for standardized features, float [B, D]."""
        features = self.feature_dropout(features, training=training)
        state = (self.start_hidden(features), self.start_cell(features))
        if self.image_projection is None:
            return state
        return (*state, self.image_projection(features))

    def step(self, tokens: Any, state: State) -> tuple[Any, State]:
        """Advances captions by one token, for inference.

        Args:
            tokens: int [B], each caption's last token; `START` at first.
            state: From `start` or the previous step.

        Returns:
            Logits of the next token, float32 [B, V], and the state after `tokens`.
        """
        hidden, cell, *image_projection = state
        inputs = self.embedding(tokens)  # [B, E]
        for projection in image_projection:
            inputs = inputs + projection
        output, (hidden, cell) = self.lstm.cell(inputs, [hidden, cell])
        return self.output_projection(output), (hidden, cell, *image_projection)

    def call(self, features: Any, tokens: Any, training: bool = False) -> Any:
        """Predicts every next token of whole captions at once (teacher forcing).

        Args:
            features: float [B, D], standardized.
            tokens: int [B, T], each caption from `START` on. Padding is allowed only at the end.
            training: Whether dropout is applied.

        Returns:
            Logits of the next token at every unpadded position, caption by caption, float32 [W, V]:
            no softmax is computed for padding.
        """
        hidden, cell, *image_projection = self.start(features, training=training)
        embedded = self.embedding_dropout(self.embedding(tokens), training=training)
        for projection in image_projection:
            embedded = embedded + ops.expand_dims(projection, 1)  # [B, T, E] + [B, 1, E]
        outputs = self.lstm(embedded, initial_state=[hidden, cell])  # [B, T, units]
        outputs = mask_padding(outputs, tokens)  # [W, units]
        return self.output_projection(self.output_dropout(outputs, training=training))


def mask_padding(values: Any, tokens: Any) -> Any:
    """Selects the values at unpadded positions.

    Args:
        values: [B, T] or [B, T, …].
        tokens: int [B, T], `PAD` at padded positions.

    Returns:
        The values at the other positions, caption by caption, [W] or [W, …].
    """
    positions = ops.nonzero(ops.reshape(tokens, (-1,)) != PAD)[0]  # [B, T] -> [B * T] -> [W]
    flat = ops.reshape(values, (-1, *values.shape[2:]))  # [B, T, …] -> [B * T, …]
    return ops.take(flat, positions, axis=0)
