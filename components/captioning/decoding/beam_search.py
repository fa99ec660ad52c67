"""Batched beam search."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.captioning.decoding.beam_state import BeamState
from components.captioning.model.ensemble import CaptionNetwork
from components.captioning.model.vocabulary import END, PAD, SPECIAL_TOKENS, START

# Photos per batch: on two cores a batch size of 128 takes 8 % longer, and 512 is no faster.
_BATCH_SIZE = 256


@dataclass(frozen=True)
class Beams:
    """The final beams of N photos: K hypotheses each, unordered.

    The hypotheses do not depend on the length penalty, so one search serves any number of
    penalties.

    Attributes:
        tokens: int32 [N, K, max_words + 1]. Each row holds a caption's token ids, `END`, then
            `PAD`; rows are all `PAD` where fewer than K captions exist.
        log_probabilities: float64 [N, K], of each caption including `END`; minus infinity where
            there is no caption.
    """

    tokens: NDArray[np.int32]
    log_probabilities: NDArray[np.float64]

    def ranked(self, length_penalty: float) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
        """Ranks each photo's captions by log-probability / length ** penalty.

        The length includes `END` (length normalization as in Wu et al., 2016, arXiv:1609.08144,
        without its constants).

        Args:
            length_penalty: 0 ranks by the plain sum, which favours short captions; 1 ranks by the
                mean per token.

        Returns:
            Tokens, int32 [N, K, max_words + 1], and scores, float64 [N, K], best first.
        """
        lengths = np.maximum((self.tokens != PAD).sum(axis=2), 1)  # [N, K]
        scores = self.log_probabilities / lengths**length_penalty
        order = np.argsort(-scores, axis=1, kind="stable")
        tokens = np.take_along_axis(self.tokens, order[:, :, np.newaxis], axis=1)
        return tokens, np.take_along_axis(scores, order, axis=1)


def beam_search(
    network: CaptionNetwork,
    features: NDArray[Any],
    *,
    beam_width: int,
    max_words: int,
    word_scores: NDArray[np.float32] | None = None,
    batch_size: int = _BATCH_SIZE,
) -> Beams:
    """Runs beam search for N photos.

    1. Each photo starts with one hypothesis, `START`, and the network's initial state.
    2. One decode step extends every live hypothesis of every photo in one batch, carrying the
       state along. Finished hypotheses are left out, so they cost nothing.
    3. The K most probable continuations of each photo are kept. A finished hypothesis is kept
       unchanged and competes with its log-probability.
    4. The search stops when every hypothesis has finished. After `max_words` tokens each one is
       forced to.

    `PAD`, `START` and `UNK` are never generated.

    With word scores s, decoding is guided: step 3 keeps the continuations with the highest product
    of guided probabilities, as in shallow fusion (Gulcehre et al., 2015, arXiv:1503.03535):

        p'(w | photo, caption so far) ∝ p(w | photo, caption so far) exp(s(w))

    where s(w) is 0 once the caption contains w. The network's own log-probabilities are returned.

    Args:
        network: The trained network.
        features: float [N, ...].
        beam_width: K, the hypotheses kept per photo; 1 is greedy search.
        max_words: Maximum caption length in tokens, without `END`.
        word_scores: float32 [N, V], a score of each word for each photo; None for none.
        batch_size: Photos searched together; affects speed only.
    """
    tokens = np.full((len(features), beam_width, max_words + 1), PAD, np.int32)
    log_probabilities = np.full((len(features), beam_width), -np.inf)
    # END is the only special token that can be generated.
    count = min(beam_width, network.config.vocabulary_size - len(SPECIAL_TOKENS) + 1)
    for start in range(0, len(features), batch_size):
        batch = slice(start, start + batch_size)
        scores = None if word_scores is None else word_scores[batch]
        state = BeamState(network, features[batch], scores)
        _search(state, count, tokens[batch], log_probabilities[batch])
    tokens[np.isneginf(log_probabilities)] = PAD
    return Beams(tokens, log_probabilities)


def _search(
    state: BeamState, count: int, tokens: NDArray[np.int32], log_probabilities: NDArray[np.float64]
) -> None:
    """Searches a batch of B photos, expanding each hypothesis by its C best next tokens.

    Fills in `tokens` [B, K, T], initially all `PAD`, and `log_probabilities` [B, K], initially all
    -inf.
    """
    batch, width, longest = tokens.shape
    log_probabilities[:, 0] = 0.0
    totals = log_probabilities.copy()  # the sum of the scores of each hypothesis's tokens
    finished = np.zeros((batch, width), bool)
    # Of each of the R live hypotheses: its photo, its slot in that photo's beam, the row of the
    # previous step whose state it extends, and its last token.
    photos, slots = np.arange(batch), np.zeros(batch, np.intp)
    parents, last_tokens = np.arange(batch), np.full(batch, START)
    for position in range(longest):
        expansion = state.decode_step(last_tokens, parents, photos, count)
        next_tokens = np.full((batch, width, count), PAD, np.int32)
        candidates = np.full((batch, width, count), -np.inf)
        candidates[finished, 0] = totals[finished]
        increments = np.zeros((batch, width, count))  # of the log-probabilities
        prefix_totals = totals[photos, slots]  # [R]
        if position < longest - 1:
            next_tokens[photos, slots] = expansion.tokens
            candidates[photos, slots] = prefix_totals[:, np.newaxis] + expansion.scores
            increments[photos, slots] = expansion.log_probabilities
        else:  # Only END is allowed here, so that every caption has one.
            next_tokens[photos, slots, 0] = END
            candidates[photos, slots, 0] = prefix_totals + expansion.end_scores
            increments[photos, slots, 0] = expansion.end_log_probabilities

        flat_candidates = candidates.reshape(batch, -1)  # [B, K, C] -> [B, K * C]
        kept = np.argsort(-flat_candidates, axis=1, kind="stable")[:, :width]  # [B, K]
        parent_slots = kept // count  # [B, K]
        row_of_slot = np.zeros((batch, width), np.intp)
        row_of_slot[photos, slots] = np.arange(len(photos))

        totals = np.take_along_axis(flat_candidates, kept, axis=1)
        # [B, K, C] -> [B, K * C] -> [B, K]
        added = np.take_along_axis(increments.reshape(batch, -1), kept, axis=1)
        extended = np.take_along_axis(log_probabilities, parent_slots, axis=1) + added
        log_probabilities[:] = np.where(totals > -np.inf, extended, -np.inf)
        # [B, K, C] -> [B, K * C] -> [B, K]
        appended = np.take_along_axis(next_tokens.reshape(batch, -1), kept, axis=1)
        tokens[:] = np.take_along_axis(tokens, parent_slots[:, :, np.newaxis], axis=1)
        tokens[:, :, position] = appended
        finished = np.take_along_axis(finished, parent_slots, axis=1) | (appended == END)
        photos, slots = np.nonzero(~finished & (totals > -np.inf))
        if not photos.size:
            return
        parents = row_of_slot[photos, parent_slots[photos, slots]]
        last_tokens = appended[photos, slots]
