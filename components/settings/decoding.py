"""Settings of decoding: how captions are searched for and ranked."""

from typing import ClassVar

from components.settings.base import SettingsGroup, setting
from components.settings.bounds import BeamWidth, LengthPenalty, RerankingWeight


class DecodingSettings(SettingsGroup):
    """Beam search and reranking."""

    title: ClassVar[str] = "Decoding"

    beam_width: BeamWidth = setting(
        5, "Beam width: candidates kept per step; 1 means greedy search"
    )
    length_penalty: LengthPenalty = setting(
        1.0, "Exponent of the caption length that log-probabilities are divided by"
    )
    reranking_weight: RerankingWeight = setting(
        0.0,
        "Weight given to similarity with captions of look-alike training photos; 0 turns reranking "
        "off",
    )
