"""The caption network: one decoder, or some that speak together, on standardised features."""

from typing import Any

import keras
import numpy as np
from keras import layers, ops

from components.captioning.model.decoder import Decoder, ModelConfig, State


class CaptionNetwork(keras.Model):
    """Scores every next word of captions, given their photos and the words before.

    Several members have weights and dropout of their own and learn side by side from the same
    batches; what they say together is the mean of their probabilities (an ensemble, as in *Show
    and Tell*, section 4.3).

    Args:
        config: The network's shape.
        seed: Fixes initial weights and dropout.
    """

    def __init__(self, config: ModelConfig, seed: int = 0) -> None:
        super().__init__(name="captioner")
        self.config = config
        self.standardize = Standardize(name="standardize")
        self.decoders = [
            Decoder(config, part, name=f"decoder_{index}")
            for index, part in enumerate(np.random.SeedSequence(seed).spawn(config.ensemble_size))
        ]

    def start(self, features: Any) -> State:
        """Returns the first state for photos' features, float [B, D]: one member's, the next's."""
        seen = self.standardize(features)
        return tuple(part for decoder in self.decoders for part in decoder.start(seen))

    def step(self, words: Any, state: State) -> tuple[Any, State]:
        """Goes one word further, outside training.

        Args:
            words: int [B], the word just said; `START` at first.
            state: From `start` or the step before.

        Returns:
            Logits of the next word, float32 [B, V], and the state after this word.
        """
        share = len(state) // len(self.decoders)
        logits: list[Any] = []
        after: list[Any] = []
        for index, decoder in enumerate(self.decoders):
            scores, moved = decoder.step(words, state[index * share : (index + 1) * share])
            logits.append(scores)
            after += moved
        return ensemble_logits(ops.stack(logits, axis=1)), tuple(after)

    def call(self, inputs: dict[str, Any], training: bool = False) -> Any:
        """Scores all next words of whole captions at once (teacher forcing).

        Args:
            inputs: `features` float [B, D]; `words` int [B, T], each caption from `START` on.
                Padding may stand only at the end.
            training: Whether dropout is on.

        Returns:
            Each member's logits of the next word at each place that holds a word, caption by
            caption, float32 [W, M, V].
        """
        seen = self.standardize(inputs["features"])
        return ops.stack(
            [decoder(seen, inputs["words"], training=training) for decoder in self.decoders],
            axis=1,
        )


def ensemble_logits(logits: Any) -> Any:
    """Returns what members say together: the mean of their probabilities.

    Args:
        logits: float32 [W, M, V].

    Returns:
        Logits, float32 [W, V].
    """
    if logits.shape[1] == 1:
        return logits[:, 0]
    return ops.logsumexp(ops.log_softmax(logits), axis=1)  # times M, which a softmax takes away


class Standardize(layers.Layer):
    """Shifts and scales each feature to mean 0 and spread 1 over the train split.

    Keras' own `Normalization` keeps its statistics outside the weights once it is finalised;
    here they are plain weights, so that a checkpoint or bundle restores them like any other.
    """

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Makes the statistics, at first such that nothing changes."""
        width = (input_shape[-1],)
        self.mean = self.add_weight(
            shape=width, initializer="zeros", trainable=False, dtype="float32", name="mean"
        )
        self.scale = self.add_weight(
            shape=width, initializer="ones", trainable=False, dtype="float32", name="scale"
        )

    def adapt(self, features: np.ndarray) -> None:
        """Takes mean and spread from features, float [N, D]; a constant feature becomes 0."""
        wide = features.astype(np.float64)
        spread = wide.std(axis=0)
        self.mean.assign(wide.mean(axis=0))
        self.scale.assign(np.divide(1.0, spread, out=np.zeros_like(spread), where=spread > 1e-6))

    def call(self, features: Any) -> Any:
        """Returns standardised features, [B, D] in the layer's compute precision."""
        centred = ops.cast(features, "float32") - self.mean
        return ops.cast(centred * self.scale, self.compute_dtype)


def build_network(config: ModelConfig, seed: int = 0) -> CaptionNetwork:
    """Returns a network with all its weights made, ready to be loaded or trained."""
    network = CaptionNetwork(config, seed)
    network(
        {
            "features": np.zeros((1, config.feature_width), np.float32),
            "words": np.zeros((1, 1), np.int32),
        }
    )
    return network
