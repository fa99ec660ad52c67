"""Decoding settings, and beam search with them."""

from dataclasses import dataclass

import numpy as np

from components.captioning.decoding.beam_search import beam_search
from components.captioning.model.ensemble import CaptionNetwork
from components.settings.bounds import (
    BeamWidth,
    GuidanceWeight,
    LengthPenalty,
    MaxWords,
    RerankingWeight,
)


@dataclass(frozen=True)
class DecodingConfig:
    """How captions are decoded; values read from a bundle are checked against these bounds.

    Attributes:
        beam_width: Hypotheses kept per photo; 1 is greedy search.
        length_penalty: Exponent of the length by which a caption's log-probability is divided:
            0 ranks by the plain sum, which favours short captions; 1 by the mean per token.
        max_words: Maximum caption length in words.
        reranking_weight: Weight of the reranking score, added to the length-normalized
            log-probability; see `reranking.Reranker`. 0 turns reranking off.
        guidance_weight: Factor of `Reranker.word_predictor`'s predictions, which are the word
            scores of `beam_search`. 0 turns guided decoding off.
    """

    beam_width: BeamWidth = 5
    length_penalty: LengthPenalty = 1.0
    max_words: MaxWords = 20
    reranking_weight: RerankingWeight = 0.0
    guidance_weight: GuidanceWeight = 0.0


def search_alternatives(
    network: CaptionNetwork,
    features: np.ndarray,
    config: DecodingConfig,
    word_scores: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Decodes photos and returns every caption of the final beams, best first, without reranking.

    To try many length penalties, call `beam_search` once and `Beams.ranked` for each.

    Args:
        network: The trained network.
        features: float [N, ...].
        config: Beam width K, length penalty and maximum length.
        word_scores: float32 [N, V], see `beam_search`; None for none.

    Returns:
        Tokens, int32 [N, K, max_words + 1], each row a caption's token ids, `END`, then `PAD`; and
        scores, float32 [N, K]: log-probability / length ** penalty. Where fewer than K captions
        exist, the remaining scores are minus infinity.
    """
    beams = beam_search(
        network,
        features,
        beam_width=config.beam_width,
        max_words=config.max_words,
        word_scores=word_scores,
    )
    tokens, scores = beams.ranked(config.length_penalty)
    return tokens, scores.astype(np.float32)
