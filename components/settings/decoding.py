"""Settings of decoding: beam search, guidance and reranking."""

from typing import ClassVar

from components.settings.base import SettingsGroup, setting
from components.settings.bounds import BeamWidth, GuidanceWeight, LengthPenalty, RerankingWeight


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
    guidance_weight: GuidanceWeight = setting(
        0.0,
        "Weight in beam search of the words that look-alike training photos predict; 0 turns "
        "guided decoding off",
    )
