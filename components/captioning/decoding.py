"""From features to words: greedy and beam search, many photos at a time in one compiled graph."""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops

from components.captioning.network import CaptionNetwork
from components.captioning.vocabulary import END, PAD, START, UNK

# Low enough that no sum of log-probabilities reaches it, high enough to add to in float32.
_NEVER = -1.0e9
# Photos searched side by side.
_BATCH_SIZE = 128


@dataclass(frozen=True)
class DecodingConfig:
    """How captions are searched for.

    Attributes:
        beam_width: Partial captions kept for each photo; 1 is greedy search.
        length_penalty: Power of the length by which a caption's log-probability is divided:
            0 compares plain sums (short captions win), 1 means a word.
        max_words: Longest caption.
    """

    beam_width: int = 5
    length_penalty: float = 1.0
    max_words: int = 20


class CaptionSearch(keras.Model):
    """Beam search as a Keras model: `predict` batches it and compiles it once.

    1. Each photo starts with one partial caption, `START`, at the network's first state.
    2. All partial captions of all photos go one word further in one batch; the state is carried.
    3. Of the continuations of a photo's K partial captions, the K most probable stay. A caption
       that has ended stays as it is and competes with its log-probability.
    4. The search ends when all captions have ended or `max_words` are said.
    5. A caption's score is its log-probability / length ** penalty, where the length counts the
       end mark (Wu et al., 2016, arXiv:1609.08144, without its constants). Each photo's caption
       is the one with the highest.

    `PAD`, `START` and `UNK` are never said.

    Args:
        network: Trained.
        config: Width, penalty and longest caption.
    """

    def __init__(self, network: CaptionNetwork, config: DecodingConfig) -> None:
        super().__init__(name="caption_search")
        self.network = network
        self.config = config

    def call(self, features: Any) -> Any:
        """Searches captions for photos.

        Args:
            features: float [B, D].

        Returns:
            int32 [B, max_words + 1]: each photo's words, `END`, then `PAD`.
        """
        words, scores = self.alternatives(features)
        best = ops.argmax(scores, axis=1, keepdims=True)  # [B, 1]
        return ops.squeeze(ops.take_along_axis(words, ops.expand_dims(best, -1), axis=1), 1)

    def alternatives(self, features: Any) -> tuple[Any, Any]:
        """Searches all K captions that the beam ends with.

        Args:
            features: float [B, D].

        Returns:
            Words, int32 [B, K, max_words + 1], each row as from `call`, and their scores, float32
            [B, K], in no order. Where fewer than K captions can be said, the others' score is
            minus infinity.
        """
        width, longest = self.config.beam_width, self.config.max_words + 1
        vocabulary_size = self.network.config.vocabulary_size
        batch = ops.shape(features)[0]

        def flat(values: Any) -> Any:
            return ops.reshape(values, (-1, *values.shape[2:]))  # [B, K, …] -> [B * K, …]

        def beams(values: Any) -> Any:
            return ops.reshape(values, (-1, width, *values.shape[1:]))  # [B * K, …] -> [B, K, …]

        def repeat(values: Any) -> Any:
            return ops.repeat(ops.expand_dims(values, 1), width, axis=1)  # [B, …] -> [B, K, …]

        def pick(values: Any, parents: Any) -> Any:
            # values [B, K, …], parents [B, K] -> the parents' values [B, K, …]
            index = ops.reshape(parents, (-1, width) + (1,) * (len(values.shape) - 2))
            return ops.take_along_axis(values, index, axis=1)

        allowed = np.zeros(vocabulary_size, np.float32)
        allowed[[PAD, START, UNK]] = _NEVER
        stay = np.full(vocabulary_size, _NEVER, np.float32)
        stay[PAD] = 0.0

        def unfinished(place: Any, _: Any, ended: Any, *__: Any) -> Any:
            return ops.logical_and(place < longest, ops.logical_not(ops.all(ended)))

        def extend(
            place: Any, words: Any, ended: Any, scores: Any, lengths: Any, hidden: Any, cell: Any
        ) -> tuple[Any, ...]:
            last = ops.take(words, ops.maximum(place - 1, 0), axis=2)
            last = ops.where(place == 0, START, last)  # [B, K]
            logits, (hidden, cell) = self.network.step(flat(last), (flat(hidden), flat(cell)))
            next_scores = beams(ops.log_softmax(logits, axis=-1)) + allowed  # [B, K, V]
            # At the last place only the end may come, so that every caption has one.
            final = ops.where(ops.arange(vocabulary_size) == END, 0.0, _NEVER)
            next_scores = ops.where(place == longest - 1, next_scores + final, next_scores)
            next_scores = ops.where(ops.expand_dims(ended, -1), stay, next_scores)
            totals = ops.expand_dims(scores, -1) + next_scores  # [B, K, V]
            totals = ops.reshape(totals, (-1, width * vocabulary_size))  # [B, K * V]
            scores, best = ops.top_k(totals, width)  # [B, K] each
            best = ops.cast(best, "int32")
            parents, chosen = best // vocabulary_size, best % vocabulary_size
            ended = pick(ended, parents)
            lengths = pick(lengths, parents) + ops.cast(ops.logical_not(ended), "float32")
            here = ops.reshape(ops.arange(longest) == place, (1, 1, longest))
            words = ops.where(here, ops.expand_dims(chosen, -1), pick(words, parents))
            ended = ops.logical_or(ended, chosen == END)
            hidden, cell = pick(beams(hidden), parents), pick(beams(cell), parents)
            return place + 1, words, ended, scores, lengths, hidden, cell

        hidden, cell = self.network.start(features)
        first = np.full((1, width), _NEVER, np.float32)
        first[0, 0] = 0.0  # the K starts are one and the same: only one of them counts
        blank = ops.zeros((batch, width), "float32")
        _, words, _, scores, lengths, _, _ = ops.while_loop(
            unfinished,
            extend,
            (
                ops.convert_to_tensor(0, "int32"),
                ops.full((batch, width, longest), PAD, "int32"),
                ops.zeros((batch, width), "bool"),
                blank + first,
                blank,
                repeat(hidden),
                repeat(cell),
            ),
        )
        normalized = scores / ops.power(lengths, self.config.length_penalty)
        return words, ops.where(scores > _NEVER / 2, normalized, -np.inf)


def search_captions(
    network: CaptionNetwork, features: np.ndarray, config: DecodingConfig
) -> np.ndarray:
    """Searches captions for photos; see `CaptionSearch`.

    Args:
        network: Trained.
        features: float [N, D].
        config: Width, penalty and longest caption.

    Returns:
        int32 [N, max_words + 1], each row a caption's words, `END`, then `PAD`.
    """
    search = CaptionSearch(network, config)
    words = search.predict(features.astype(np.float32), batch_size=_BATCH_SIZE, verbose=0)
    return np.asarray(words)


def search_alternatives(
    network: CaptionNetwork, features: np.ndarray, config: DecodingConfig
) -> tuple[np.ndarray, np.ndarray]:
    """Searches captions for a few photos and returns all that the beam ends with, best first.

    Args:
        network: Trained.
        features: float [N, D]; all are searched at once, without compiling first.
        config: Width K, penalty and longest caption.

    Returns:
        Words, int32 [N, K, max_words + 1], each row a caption's words, `END`, then `PAD`; and
        scores, float32 [N, K], see `CaptionSearch`. The first of each photo is what
        `search_captions` finds. Where fewer than K captions can be said, the others' score is
        minus infinity.
    """
    search = CaptionSearch(network, config)
    words, scores = map(np.asarray, search.alternatives(features.astype(np.float32)))
    order = np.argsort(-scores, axis=1, kind="stable")  # [N, K]
    return (
        np.take_along_axis(words, order[:, :, np.newaxis], axis=1),
        np.take_along_axis(scores, order, axis=1),
    )
