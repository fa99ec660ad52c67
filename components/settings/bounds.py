"""Bounds that both settings and the files of a bundle keep, which is checked when it is loaded."""

from typing import Annotated

from pydantic import Field

Share = Annotated[float, Field(ge=0, lt=1)]

# The caption network.
EnsembleSize = Annotated[int, Field(ge=1, le=16)]
Units = Annotated[int, Field(ge=1, le=8192)]
EmbeddingWidth = Annotated[int, Field(ge=1, le=8192)]

# The search for captions.
MAX_BEAM_WIDTH = 100
BeamWidth = Annotated[int, Field(ge=1, le=MAX_BEAM_WIDTH)]
LengthPenalty = Annotated[float, Field(ge=0, le=5)]
MaxWords = Annotated[int, Field(ge=1, le=200)]
RerankingWeight = Annotated[float, Field(ge=0, le=1000)]
