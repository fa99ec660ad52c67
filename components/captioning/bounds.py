"""Bounds of the numbers that a bundle's files hold.

They are those of the settings, as a test makes sure: a registered model carries this room, but not
`components.settings`.
"""

from typing import Annotated

from pydantic import Field

Share = Annotated[float, Field(ge=0, lt=1)]

# The caption network.
EnsembleSize = Annotated[int, Field(ge=1, le=16)]
Units = Annotated[int, Field(ge=1, le=8192)]
EmbeddingWidth = Annotated[int, Field(ge=1, le=8192)]

# The search for captions.
BeamWidth = Annotated[int, Field(ge=1, le=100)]
LengthPenalty = Annotated[float, Field(ge=0, le=5)]
MaxWords = Annotated[int, Field(ge=1, le=200)]
RerankingWeight = Annotated[float, Field(ge=0, le=1000)]
