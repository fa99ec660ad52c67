"""Partial captions side by side: all go one word further in one compiled step."""

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

# Lower than the log-probability of any word that may be said.
_NEVER = -1.0e9


class NextWords(NamedTuple):
    """How R partial captions may go on.

    Attributes:
        words: int32 [R, C], each row's most probable next words, the best first; of the marks
            only `END`.
        log_probabilities: float32 [R, C], theirs.
        ends: float32 [R], the log-probability of `END`.
    """

    words: NDArray[np.int32]
    log_probabilities: NDArray[np.float32]
    ends: NDArray[np.float32]


class BeamState:
    """The rows of a batch: partial captions with the network's state after each.

    At first there is one a photo, in the photos' order.

    Args:
        network: Trained.
        features: float [B, ...].
    """

    def __init__(self, network: CaptionNetwork, features: NDArray[Any]) -> None:
        features = features.astype(np.float32)
        if network not in _STEPS:
            _STEPS[network] = _Step(network, features[:1])
        self._step = _STEPS[network]
        self._dynamic, self._static = self._step.divide(network.start(features))
        # The static parts are moved only when the rows' photos change.
        self._shown, self._photos = self._static, np.arange(len(features))

    def decode_step(
        self, said: NDArray[Any], parents: NDArray[Any], photos: NDArray[Any], count: int
    ) -> NextWords:
        """Makes R rows out of those that were there, and goes one word further with each.

        Args:
            said: int [R], each row's last word.
            parents: int [R], the former row that each goes on from.
            photos: int [R], each row's photo.
            count: C, continuations wanted.
        """
        if not np.array_equal(photos, self._photos):
            self._shown = [ops.take(part, photos, axis=0) for part in self._static]
            self._photos = photos
        *found, self._dynamic = self._step.run(
            said.astype(np.int32), parents.astype(np.int32), self._dynamic, self._shown, count
        )
        return NextWords(*map(ops.convert_to_numpy, found))


class _Step:
    """A network's step for any number of rows.

    The state's parts are of two kinds: those that each word changes, and those that last (an
    attention decoder's view of the photo).

    Args:
        network: Its weights may change between steps; it is not kept alive.
        features: float [1, ...], of any photo.
    """

    def __init__(self, network: CaptionNetwork, features: NDArray[np.float32]) -> None:
        self._network = proxy(network)
        self._never = np.zeros(network.config.vocabulary_size, np.float32)
        self._never[[PAD, START, UNK]] = _NEVER
        state = network.start(features)
        said = np.array([START], np.int32)
        _, after = network.step(said, state)
        self._changes = [new is not old for new, old in zip(after, state, strict=True)]
        parts = self.divide(state)
        self.run = _compiled(self._advance, said, said, *parts, np.int32(1))

    def divide(self, state: tuple[Any, ...]) -> tuple[list[Any], list[Any]]:
        """Returns the state's dynamic parts and its static ones."""
        changes = list(zip(state, self._changes, strict=True))
        return [part for part, new in changes if new], [part for part, new in changes if not new]

    def _advance(
        self, said: Any, parents: Any, dynamic: list[Any], static: list[Any], count: Any
    ) -> tuple[Any, ...]:
        moved, stayed = iter(ops.take(part, parents, axis=0) for part in dynamic), iter(static)
        state = tuple(next(moved) if new else next(stayed) for new in self._changes)
        logits, state = self._network.step(said, state)
        log_probabilities = ops.log_softmax(logits, axis=-1)  # [R, V]
        best, words = ops.top_k(log_probabilities + self._never, count)  # [R, C] each
        return words, best, log_probabilities[:, END], self.divide(state)[0]


# Compiling takes as long as some hundred captions: done once a network, however often it is used.
_STEPS: WeakKeyDictionary[CaptionNetwork, _Step] = WeakKeyDictionary()


def _compiled(function: Callable[..., Any], *examples: Any) -> Callable[..., Any]:
    """Returns a function compiled for any number of rows, where the backend can do that."""
    if keras.backend.backend() != "tensorflow":
        return function
    specs = tf.nest.map_structure(
        lambda value: tf.TensorSpec([None, *value.shape[1:]] if value.shape else [], value.dtype),
        examples,
    )
    return tf.function(function, input_signature=specs, autograph=False)
