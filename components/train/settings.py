"""The settings of one training."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class TrainSettings:
    """How the network is trained; the pipeline's settings of the same names explain each.

    Attributes:
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
        precision: `auto` (mixed on a GPU), `float32` or `mixed`.
        seed: Fixes weights, dropout and order.
    """

    epochs: int
    batch_size: int
    units: int
    dropout: float
    train_embeddings: bool
    learning_rate: float
    schedule: str
    weight_decay: float
    clip_norm: float
    label_smoothing: float
    patience: int
    max_words: int
    precision: str
    seed: int

    def to_dict(self) -> dict[str, Any]:
        """Returns the settings as JSON-able values."""
        return asdict(self)
