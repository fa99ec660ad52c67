"""Settings of decoding: how captions are searched for and ranked."""

from typing import ClassVar

from components.settings.base import SettingsGroup, setting


class DecodingSettings(SettingsGroup):
    """Beam search and reranking."""

    title: ClassVar[str] = "Decoding"

    beam_width: int = setting(
        5, "Beam width: candidates kept per step; 1 means greedy search", ge=1, le=100
    )
    length_penalty: float = setting(
        1.0, "Exponent of the caption length that log-probabilities are divided by", ge=0, le=5
    )
    reranking_weight: float = setting(
        0.0,
        "Weight given to similarity with captions of look-alike training photos; 0 turns reranking "
        "off",
        ge=0,
        le=1000,
    )
