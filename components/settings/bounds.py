"""Bounds of settings that are also checked in the files of a bundle when it is loaded."""

from typing import Annotated

from pydantic import Field

Share = Annotated[float, Field(ge=0, lt=1)]

# The decoder.
EnsembleSize = Annotated[int, Field(ge=1, le=16)]
Units = Annotated[int, Field(ge=1, le=8192)]
EmbeddingWidth = Annotated[int, Field(ge=1, le=8192)]

# Decoding.
MAX_BEAM_WIDTH = 100
BeamWidth = Annotated[int, Field(ge=1, le=MAX_BEAM_WIDTH)]
LengthPenalty = Annotated[float, Field(ge=0, le=5)]
MOST_WORDS = 200
MaxWords = Annotated[int, Field(ge=1, le=MOST_WORDS)]
RerankingWeight = Annotated[float, Field(ge=0, le=1000)]
GuidanceWeight = Annotated[float, Field(ge=0, le=1000)]
