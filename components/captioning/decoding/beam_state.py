"""The network state of all live hypotheses, advanced by one compiled decode step."""

from collections.abc import Callable
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary, proxy

import keras
import numpy as np
import tensorflow as tf
from keras import ops
from numpy.typing import NDArray

from components.captioning.model.ensemble import CaptionNetwork
from components.captioning.model.vocabulary import END, PAD, START, UNK

# Added to the log-probabilities of tokens that must not be generated: below any real one.
_MASKED = -1.0e9


class Expansion(NamedTuple):
    """The best next tokens of R hypotheses.

    Attributes:
        tokens: int32 [R, C], the most probable next tokens, best first; of the special tokens only
            `END` is allowed.
        log_probabilities: float32 [R, C], of these tokens.
        end_log_probabilities: float32 [R], of `END`.
    """

    tokens: NDArray[np.int32]
    log_probabilities: NDArray[np.float32]
    end_log_probabilities: NDArray[np.float32]


class BeamState:
    """The network state after each live hypothesis of a batch of photos, one row per hypothesis.

    Initially there is one hypothesis per photo, in the order of the photos.

    Args:
        network: The trained network.
        features: float [B, ...].
    """

    def __init__(self, network: CaptionNetwork, features: NDArray[Any]) -> None:
        features = features.astype(np.float32)
        if network not in _STEPS:
            _STEPS[network] = _DecodeStep(network, features[:1])
        self._step = _STEPS[network]
        self._dynamic, self._static = self._step.split(network.start(features))
        # Static state is gathered again only when the rows' photos change.
        self._gathered_static, self._photos = self._static, np.arange(len(features))

    def decode_step(
        self, last_tokens: NDArray[Any], parents: NDArray[Any], photos: NDArray[Any], count: int
    ) -> Expansion:
        """Reorders the state to R hypotheses and extends each by one token.

        Args:
            last_tokens: int [R], each hypothesis's last token.
            parents: int [R], the row of the previous step that each hypothesis extends.
            photos: int [R], each hypothesis's photo.
            count: C, the number of next tokens wanted.
        """
        if not np.array_equal(photos, self._photos):
            self._gathered_static = [ops.take(part, photos, axis=0) for part in self._static]
            self._photos = photos
        *expansion, self._dynamic = self._step.run(
            last_tokens.astype(np.int32),
            parents.astype(np.int32),
            self._dynamic,
            self._gathered_static,
            count,
        )
        return Expansion(*map(ops.convert_to_numpy, expansion))


class _DecodeStep:
    """A network's compiled decode step, for any number of rows.

    The state has dynamic parts, which every token changes, and static parts, which depend on the
    photo alone (the image projection).

    Args:
        network: Its weights may change between steps; no reference keeps it alive.
        features: float [1, ...], of any photo.
    """

    def __init__(self, network: CaptionNetwork, features: NDArray[np.float32]) -> None:
        self._network = proxy(network)
        self._mask = np.zeros(network.config.vocabulary_size, np.float32)
        self._mask[[PAD, START, UNK]] = _MASKED
        state = network.start(features)
        tokens = np.array([START], np.int32)
        _, next_state = network.step(tokens, state)
        self._is_dynamic = [new is not old for new, old in zip(next_state, state, strict=True)]
        parts = self.split(state)
        self.run = _compiled(self._advance, tokens, tokens, *parts, np.int32(1))

    def split(self, state: tuple[Any, ...]) -> tuple[list[Any], list[Any]]:
        """Returns the dynamic and the static parts of a state."""
        parts = list(zip(state, self._is_dynamic, strict=True))
        return (
            [part for part, dynamic in parts if dynamic],
            [part for part, dynamic in parts if not dynamic],
        )

    def _advance(
        self, last_tokens: Any, parents: Any, dynamic: list[Any], static: list[Any], count: Any
    ) -> tuple[Any, ...]:
        dynamic_parts = iter(ops.take(part, parents, axis=0) for part in dynamic)
        static_parts = iter(static)
        state = tuple(
            next(dynamic_parts) if is_dynamic else next(static_parts)
            for is_dynamic in self._is_dynamic
        )
        logits, state = self._network.step(last_tokens, state)
        log_probabilities = ops.log_softmax(logits, axis=-1)  # [R, V]
        best, tokens = ops.top_k(log_probabilities + self._mask, count)  # [R, C] each
        return tokens, best, log_probabilities[:, END], self.split(state)[0]


# Compiling takes as long as describing some hundred photos, so it is done once per network.
_STEPS: WeakKeyDictionary[CaptionNetwork, _DecodeStep] = WeakKeyDictionary()


def _compiled(function: Callable[..., Any], *examples: Any) -> Callable[..., Any]:
    """Returns a function compiled for any number of rows, if the backend supports it."""
    if keras.backend.backend() != "tensorflow":
        return function
    specs = tf.nest.map_structure(
        lambda value: tf.TensorSpec([None, *value.shape[1:]] if value.shape else [], value.dtype),
        examples,
    )
    return tf.function(function, input_signature=specs, autograph=False)
