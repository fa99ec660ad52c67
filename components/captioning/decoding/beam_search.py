"""Beam search for many photos at a time."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.captioning.decoding.beam_state import BeamState
from components.captioning.model.ensemble import CaptionNetwork
from components.captioning.model.vocabulary import END, PAD, SPECIAL_TOKENS, START

# Photos searched side by side: 128 take 8 % longer on two cores, 512 are no faster.
_BATCH_SIZE = 256


@dataclass(frozen=True)
class Beams:
    """What a beam search ends with: K captions for each of N photos, in no order.

    What is found does not depend on the length penalty: one search serves as many as are tried.

    Attributes:
        words: int32 [N, K, max_words + 1], each row a caption's words, `END`, then `PAD`; all
            `PAD` where fewer than K captions can be said.
        log_probabilities: float64 [N, K], of each caption with its end; minus infinity where
            there is none.
    """

    words: NDArray[np.int32]
    log_probabilities: NDArray[np.float64]

    def ranked(self, length_penalty: float) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
        """Ranks each photo's captions by log-probability / length ** penalty.

        The length counts the end mark (Wu et al., 2016, arXiv:1609.08144, without its constants).

        Args:
            length_penalty: 0 compares plain sums (short captions win), 1 means a word.

        Returns:
            Words, int32 [N, K, max_words + 1], and scores, float64 [N, K], best first.
        """
        lengths = np.maximum((self.words != PAD).sum(axis=2), 1)  # [N, K]
        scores = self.log_probabilities / lengths**length_penalty
        order = np.argsort(-scores, axis=1, kind="stable")
        words = np.take_along_axis(self.words, order[:, :, np.newaxis], axis=1)
        return words, np.take_along_axis(scores, order, axis=1)

    def best(self, length_penalty: float) -> NDArray[np.int32]:
        """Returns each photo's best caption, int32 [N, max_words + 1]; see `ranked`."""
        return self.ranked(length_penalty)[0][:, 0]


def beam_search(
    network: CaptionNetwork,
    features: NDArray[Any],
    *,
    beam_width: int,
    max_words: int,
    batch_size: int = _BATCH_SIZE,
) -> Beams:
    """Searches captions for photos.

    1. Each photo starts with one partial caption, `START`, at the network's first state.
    2. All partial captions of all photos go one word further in one batch; the state is carried.
       Captions that have ended are no part of it: they cost nothing.
    3. Of the continuations of a photo's K captions, the K most probable stay. One that has ended
       stays as it is and competes with its log-probability.
    4. The search ends when all captions have ended, which they must after `max_words`.

    `PAD`, `START` and `UNK` are never said.

    Args:
        network: Trained.
        features: float [N, ...].
        beam_width: K, the captions kept for each photo; 1 is greedy search.
        max_words: Longest caption.
        batch_size: Photos searched side by side; it changes nothing but the speed.
    """
    words = np.full((len(features), beam_width, max_words + 1), PAD, np.int32)
    log_probabilities = np.full((len(features), beam_width), -np.inf)
    # Of the marks only END may follow.
    count = min(beam_width, network.config.vocabulary_size - len(SPECIAL_TOKENS) + 1)
    for begin in range(0, len(features), batch_size):
        part = slice(begin, begin + batch_size)
        _search(BeamState(network, features[part]), count, words[part], log_probabilities[part])
    words[np.isneginf(log_probabilities)] = PAD
    return Beams(words, log_probabilities)


def _search(
    rows: BeamState, count: int, words: NDArray[np.int32], totals: NDArray[np.float64]
) -> None:
    """Searches B photos side by side, with C continuations looked at of each caption.

    Fills in `words` [B, K, T], which are all `PAD`, and `totals` [B, K], which are all -inf.
    """
    batch, width, longest = words.shape
    totals[:, 0] = 0.0
    ended = np.zeros((batch, width), bool)
    # The partial captions that go on: each one's photo, its place in the photo's beam, the row
    # that its state comes from and its last word.
    photos, places = np.arange(batch), np.zeros(batch, np.intp)
    parents, said = np.arange(batch), np.full(batch, START)
    for position in range(longest):
        found = rows.decode_step(said, parents, photos, count)
        following = np.full((batch, width, count), PAD, np.int32)
        candidates = np.full((batch, width, count), -np.inf)
        candidates[ended, 0] = totals[ended]
        before = totals[photos, places]  # [R]
        if position < longest - 1:
            following[photos, places] = found.words
            candidates[photos, places] = before[:, np.newaxis] + found.log_probabilities
        else:  # only the end may come, so that every caption has one
            following[photos, places, 0] = END
            candidates[photos, places, 0] = before + found.ends

        totals_after = candidates.reshape(batch, -1)  # [B, K, C] -> [B, K * C]
        kept = np.argsort(-totals_after, axis=1, kind="stable")[:, :width]  # [B, K]
        origins = kept // count  # [B, K], places before
        row_at = np.zeros((batch, width), np.intp)
        row_at[photos, places] = np.arange(len(photos))

        totals[:] = np.take_along_axis(totals_after, kept, axis=1)
        last = np.take_along_axis(following.reshape(batch, -1), kept, axis=1)  # [B, K]
        words[:] = np.take_along_axis(words, origins[:, :, np.newaxis], axis=1)
        words[:, :, position] = last
        ended = np.take_along_axis(ended, origins, axis=1) | (last == END)
        photos, places = np.nonzero(~ended & (totals > -np.inf))
        if not photos.size:
            return
        parents, said = row_at[photos, origins[photos, places]], last[photos, places]
