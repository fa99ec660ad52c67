"""The settings of one training."""

from dataclasses import asdict
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, ValidationError
from pydantic.dataclasses import dataclass

from components.errors import broken_settings

_Count = Annotated[int, Field(ge=1)]
_Share = Annotated[float, Field(ge=0, lt=1)]


@dataclass(frozen=True, kw_only=True, config=ConfigDict(allow_inf_nan=False))
class TrainSettings:
    """How the network is trained; a value that breaks its rule is refused.

    Attributes:
        decoder: `guided` (the photo is seen at each word) or `lstm` (at the start only).
        ensemble_size: Decoders that learn side by side and speak together.
        embedding_width: Numbers a word; 0 takes as many as the GloVe vectors have.
        epochs: Passes over the train captions at most.
        batch_size: Captions a step, over all devices together.
        units: Width of the LSTM.
        dropout: Share of features, embeddings and outputs dropped.
        train_embeddings: Whether the GloVe vectors are trained further.
        learning_rate: Peak of AdamW's rate.
        schedule: `cosine` (to 2 % of the peak at the last epoch) or `constant`.
        weight_decay: AdamW's, decoupled.
        clip_norm: Longest gradient, all weights together; 0 clips nothing.
        label_smoothing: Share of the target spread over all words.
        patience: Epochs without a better dev loss before training stops.
        max_words: Words of a caption that are learnt from and said, at most.
        precision: `auto` (mixed on a GPU and where the processor has bfloat16), `float32` or
            `mixed`.
        seed: Fixes weights, dropout and order.
    """

    decoder: Literal["par_inject", "init_inject"]
    ensemble_size: _Count
    embedding_width: Annotated[int, Field(ge=0)]
    epochs: _Count
    batch_size: _Count
    units: _Count
    dropout: _Share
    train_embeddings: bool
    learning_rate: Annotated[float, Field(gt=0)]
    schedule: Literal["cosine", "constant"]
    weight_decay: Annotated[float, Field(ge=0)]
    clip_norm: Annotated[float, Field(ge=0)]
    label_smoothing: _Share
    patience: _Count
    max_words: _Count
    precision: Literal["auto", "float32", "mixed"]
    seed: Annotated[int, Field(ge=0)]

    def to_dict(self) -> dict[str, Any]:
        """Returns the settings as JSON-able values."""
        return asdict(self)


def check_settings(**values: Any) -> TrainSettings:
    """Returns the settings of these values.

    Raises:
        SettingError: If a value breaks its rule, with the rule and the value.
    """
    try:
        return TrainSettings(**values)
    except ValidationError as error:
        raise broken_settings(error) from error
