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

# Added to the log-probabilities of tokens that must not be generated; lower than any real value.
_MASKED = -1.0e9


class Expansion(NamedTuple):
    """The best next tokens of R hypotheses.

    Attributes:
        tokens: int32 [R, C], the next tokens with the highest scores, best first; of the special
            tokens only `END` is allowed.
        scores: float32 [R, C], of these tokens: their log-probabilities, guided by word scores if
            there are any.
        log_probabilities: float32 [R, C], of these tokens, according to the network alone.
        end_scores: float32 [R], the score of `END`.
        end_log_probabilities: float32 [R], its log-probability.
    """

    tokens: NDArray[np.int32]
    scores: NDArray[np.float32]
    log_probabilities: NDArray[np.float32]
    end_scores: NDArray[np.float32]
    end_log_probabilities: NDArray[np.float32]


class BeamState:
    """The network state after each live hypothesis of a batch of photos, one row per hypothesis.

    Initially there is one hypothesis per photo, in the order of the photos.

    Args:
        network: The trained network.
        features: float [B, ...].
        word_scores: float32 [B, V], see `beam_search`; None for none.
    """

    def __init__(
        self,
        network: CaptionNetwork,
        features: NDArray[Any],
        word_scores: NDArray[np.float32] | None = None,
    ) -> None:
        features = features.astype(np.float32)
        guided = word_scores is not None
        steps = _STEPS.setdefault(network, {})
        if guided not in steps:
            steps[guided] = _DecodeStep(network, features[:1], guided=guided)
        self._step = steps[guided]
        self._dynamic, self._static = self._step.split(network.start(features))
        if word_scores is not None:
            self._static.append(ops.convert_to_tensor(word_scores))
            self._dynamic.append(ops.zeros(word_scores.shape, "bool"))
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

    The state has dynamic parts, which every token changes, and static parts, which depend only on
    the photo (the image projection). A guided step appends one part to each: the words that a
    caption has used, bool [R, V], and the word scores of its photo, float32 [R, V].

    Args:
        network: The trained network. Its weights may change between steps; only a weak reference
            to it is kept.
        features: float [1, ...], of any photo.
        guided: Whether the step uses word scores.
    """

    def __init__(
        self, network: CaptionNetwork, features: NDArray[np.float32], *, guided: bool
    ) -> None:
        self._network = proxy(network)
        self._guided = guided
        self._mask = np.zeros(network.config.vocabulary_size, np.float32)
        self._mask[[PAD, START, UNK]] = _MASKED
        state = network.start(features)
        tokens = np.array([START], np.int32)
        _, next_state = network.step(tokens, state)
        self._is_dynamic = [new is not old for new, old in zip(next_state, state, strict=True)]
        parts = self.split(state)
        if guided:
            parts[0].append(np.zeros((1, len(self._mask)), bool))
            parts[1].append(np.zeros((1, len(self._mask)), np.float32))
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
        reordered = [ops.take(part, parents, axis=0) for part in dynamic]
        dynamic_parts, static_parts = iter(reordered), iter(static)
        state = tuple(
            next(dynamic_parts) if is_dynamic else next(static_parts)
            for is_dynamic in self._is_dynamic
        )
        logits, state = self._network.step(last_tokens, state)
        log_probabilities = scores = ops.log_softmax(logits, axis=-1)  # [R, V]
        next_dynamic = self.split(state)[0]
        if self._guided:
            new = ops.one_hot(last_tokens, logits.shape[-1], dtype="bool")
            used = ops.logical_or(reordered[-1], new)
            scores = ops.log_softmax(logits + ops.where(used, 0.0, static[-1]), axis=-1)
            next_dynamic.append(used)
        best, tokens = ops.top_k(scores + self._mask, count)  # [R, C] each
        return (
            tokens,
            best,
            ops.take_along_axis(log_probabilities, tokens, axis=1),
            scores[:, END],
            log_probabilities[:, END],
            next_dynamic,
        )


# Compiling takes as long as describing some hundred photos, so it is done once per network, and
# once more for guided decoding.
_STEPS: WeakKeyDictionary[CaptionNetwork, dict[bool, _DecodeStep]] = WeakKeyDictionary()


def _compiled(function: Callable[..., Any], *examples: Any) -> Callable[..., Any]:
    """Returns a function compiled for any number of rows, if the backend supports it."""
    if keras.backend.backend() != "tensorflow":
        return function
    specs = tf.nest.map_structure(
        lambda value: tf.TensorSpec([None, *value.shape[1:]] if value.shape else [], value.dtype),
        examples,
    )
    return tf.function(function, input_signature=specs, autograph=False)
