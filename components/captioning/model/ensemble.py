"""The caption network: one decoder or an ensemble of several, on standardized features."""

from collections.abc import Iterable
from typing import Any

import keras
import numpy as np
from keras import layers, ops
from numpy.typing import NDArray

from components.captioning.model.decoder import Decoder, ModelConfig, State


class CaptionNetwork(keras.Model):
    """Predicts each next token of a caption from the photo and the tokens before it.

    The decoders of an ensemble have their own weights and dropout and are trained jointly on the
    same batches; the ensemble's prediction is the mean of their probabilities (as in *Show and
    Tell*, section 4.3).

    Args:
        config: The network's dimensions.
        seed: Seed of initial weights and dropout.
    """

    def __init__(self, config: ModelConfig, seed: int = 0) -> None:
        super().__init__(name="captioner")
        self.config = config
        self.standardize = Standardize(name="standardize")
        self.decoders = [
            Decoder(config, decoder_seed, name=f"decoder_{index}")
            for index, decoder_seed in enumerate(
                np.random.SeedSequence(seed).spawn(config.ensemble_size)
            )
        ]

    def build(self, input_shape: dict[str, tuple[int | None, ...]]) -> None:
        """Creates the weights.

        Args:
            input_shape: The shapes of `features`, [B, D], and `tokens`, [B, T].
        """
        self.standardize.build(input_shape["features"])
        for decoder in self.decoders:
            decoder.build(input_shape["features"], input_shape["tokens"])

    def start(self, features: Any) -> State:
        """Returns the initial state for features, float [B, D]: all decoders' parts in sequence."""
        standardized = self.standardize(features)
        return tuple(part for decoder in self.decoders for part in decoder.start(standardized))

    def step(self, tokens: Any, state: State) -> tuple[Any, State]:
        """Advances captions by one token, for inference.

        Args:
            tokens: int [B], each caption's last token; `START` at first.
            state: From `start` or the previous step.

        Returns:
            Logits of the next token, float32 [B, V], and the state after `tokens`.
        """
        parts_per_decoder = len(state) // len(self.decoders)
        logits: list[Any] = []
        next_state: list[Any] = []
        for index, decoder in enumerate(self.decoders):
            start = index * parts_per_decoder
            decoder_logits, decoder_state = decoder.step(
                tokens, state[start : start + parts_per_decoder]
            )
            logits.append(decoder_logits)
            next_state += decoder_state
        return ensemble_logits(ops.stack(logits, axis=1)), tuple(next_state)

    def call(self, inputs: dict[str, Any], training: bool = False) -> Any:
        """Predicts every next token of whole captions at once (teacher forcing).

        Args:
            inputs: `features` float [B, D]; `tokens` int [B, T], each caption from `START` on.
                Padding is allowed only at the end.
            training: Whether dropout is applied.

        Returns:
            Each decoder's logits of the next token at every unpadded position, caption by caption,
            float32 [W, M, V].
        """
        standardized = self.standardize(inputs["features"])
        return ops.stack(
            [
                decoder(standardized, inputs["tokens"], training=training)
                for decoder in self.decoders
            ],
            axis=1,
        )


def ensemble_logits(logits: Any) -> Any:
    """Returns logits of the mean of the decoders' probabilities.

    Args:
        logits: float32 [W, M, V].

    Returns:
        Logits, float32 [W, V].
    """
    if logits.shape[1] == 1:
        return logits[:, 0]
    # The sum instead of the mean: a softmax cancels the factor M.
    return ops.logsumexp(ops.log_softmax(logits), axis=1)


class Standardize(layers.Layer):
    """Standardizes each feature to mean 0 and standard deviation 1 over the train split.

    Keras's `Normalization` keeps its statistics outside the weights once it is finalized; here they
    are ordinary weights, so that checkpoints and bundles restore them like any other.
    """

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Creates the statistics, initially the identity."""
        shape = (input_shape[-1],)
        self.mean = self.add_weight(
            shape=shape, initializer="zeros", trainable=False, dtype="float32", name="mean"
        )
        self.scale = self.add_weight(
            shape=shape, initializer="ones", trainable=False, dtype="float32", name="scale"
        )

    def adapt(self, blocks: Iterable[NDArray[Any]]) -> None:
        """Sets mean and scale from features; constant features are mapped to 0.

        Args:
            blocks: All features in one or more blocks, each float [N, D].
        """
        mean, variance = _mean_and_variance(blocks)
        std = np.sqrt(variance)
        self.mean.assign(mean)
        self.scale.assign(np.divide(1.0, std, out=np.zeros_like(std), where=std > 1e-6))

    def call(self, features: Any) -> Any:
        """Returns standardized features, [B, D] in the layer's compute dtype."""
        centred = ops.cast(features, "float32") - self.mean
        return ops.cast(centred * self.scale, self.compute_dtype)


def _mean_and_variance(
    blocks: Iterable[NDArray[Any]],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Merges the statistics of blocks (Chan, Golub and LeVeque, 1979), float64 [D] each."""
    iterator = iter(blocks)
    first = next(iterator).astype(np.float64)
    count, mean, variance = len(first), first.mean(axis=0), first.var(axis=0)
    for block in iterator:
        values = block.astype(np.float64)
        total = count + len(values)
        share = len(values) / total
        difference = values.mean(axis=0) - mean
        variance = (1 - share) * (variance + share * difference**2) + share * values.var(axis=0)
        count, mean = total, mean + share * difference
    return mean, variance


def build_network(config: ModelConfig, seed: int = 0) -> CaptionNetwork:
    """Returns a network with all its weights created, ready for loading or training."""
    network = CaptionNetwork(config, seed)
    network.build({"features": (None, config.feature_width), "tokens": (None, None)})
    return network
