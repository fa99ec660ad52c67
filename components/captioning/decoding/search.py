"""From features to words: how captions are searched for."""

from dataclasses import dataclass

import numpy as np

from components.captioning.decoding.beam_search import beam_search
from components.captioning.model.ensemble import CaptionNetwork
from components.settings.bounds import BeamWidth, LengthPenalty, MaxWords, RerankingWeight


@dataclass(frozen=True)
class DecodingConfig:
    """How captions are searched for. Bounds hold for what is read from a bundle.

    Attributes:
        beam_width: Captions kept for each photo; 1 is greedy search.
        length_penalty: Power of the length by which a caption's log-probability is divided:
            0 compares plain sums (short captions win), 1 means a word.
        max_words: Longest caption.
        reranking_weight: How much a caption's agreement with what the train photos let expect
            counts beside its log-probability; see `consensus.Reranker`. 0 asks nobody.
    """

    beam_width: BeamWidth = 5
    length_penalty: LengthPenalty = 1.0
    max_words: MaxWords = 20
    reranking_weight: RerankingWeight = 0.0


def search_captions(
    network: CaptionNetwork, features: np.ndarray, config: DecodingConfig
) -> np.ndarray:
    """Searches captions for photos; see `beams.beam_search`.

    To try many penalties, search once with `beam_search` and take `Beams.best` of each.

    Args:
        network: Trained.
        features: float [N, ...].
        config: Width, penalty and longest caption.

    Returns:
        int32 [N, max_words + 1], each row a caption's words, `END`, then `PAD`.
    """
    return search_alternatives(network, features, config)[0][:, 0]


def search_alternatives(
    network: CaptionNetwork, features: np.ndarray, config: DecodingConfig
) -> tuple[np.ndarray, np.ndarray]:
    """Searches captions for photos and returns all that the beam ends with, best first.

    Args:
        network: Trained.
        features: float [N, ...].
        config: Width K, penalty and longest caption.

    Returns:
        Words, int32 [N, K, max_words + 1], each row a caption's words, `END`, then `PAD`; and
        scores, float32 [N, K]: log-probability / length ** penalty. The first of each photo is
        what `search_captions` finds. Where fewer than K captions can be said, the others' score
        is minus infinity.
    """
    beams = beam_search(network, features, beam_width=config.beam_width, max_words=config.max_words)
    words, scores = beams.ranked(config.length_penalty)
    return words, scores.astype(np.float32)
