"""Settings of decoding: beam search and reranking."""

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
        1.0, "Length penalty: log-probabilities are divided by the caption length to this power"
    )
    reranking_weight: RerankingWeight = setting(
        0.0,
        "Weight given to similarity with captions of look-alike training photos; 0 turns reranking "
        "off",
    )
