"""Settings of the step `train`: the model and its training."""

from typing import ClassVar, Literal

from components.settings.base import setting
from components.settings.bounds import EnsembleSize, Share, Units
from components.settings.shared import (
    ExperimentSettings,
    LengthSettings,
    Name,
    PrecisionSettings,
    SeedSettings,
    StartSettings,
)

#: Dimensions of word embeddings that start at random, unless `embedding_width` says otherwise.
RANDOM_EMBEDDING_WIDTH = 256
#: The settings that the weights of a parent (`start_from`) determine.
PARENT_SHAPES = ("decoder", "ensemble_size", "units", "embedding_width")


class TrainSettings(
    SeedSettings, PrecisionSettings, LengthSettings, ExperimentSettings, StartSettings
):
    """The model and its training."""

    title: ClassVar[str] = "Model and training"

    decoder: Literal["par_inject", "init_inject"] = setting(
        "par_inject",
        "How the image enters the LSTM (Tanti et al., 2018). init_inject: as its initial state; "
        "par_inject: also added to the embedding of every word",
    )
    ensemble_size: EnsembleSize = setting(
        1, "Ensemble size: decoders trained jointly, probabilities averaged"
    )
    units: Units = setting(256, "Units of the LSTM")
    embedding_width: int = setting(
        0,
        "Dimensions of the word embeddings; 0: those of the GloVe vectors, or "
        f"{RANDOM_EMBEDDING_WIDTH} with --glove none",
        ge=0,
        le=8192,
    )
    dropout: Share = setting(0.5, "Dropout rate of features, embeddings and LSTM outputs")
    train_embeddings: bool = setting(
        True, "Train the word embeddings too, instead of keeping the GloVe vectors"
    )
    epochs: int = setting(15, "Maximum number of epochs", ge=1, le=10_000)
    batch_size: int = setting(64, "Captions per training step", ge=1, le=65_536)
    learning_rate: float = setting(2e-3, "Peak learning rate of AdamW", gt=0, le=1)
    schedule: Literal["cosine", "constant"] = setting("cosine", "Learning-rate schedule")
    weight_decay: float = setting(0.05, "Decoupled weight decay of AdamW", ge=0, lt=1)
    clip_norm: float = setting(5.0, "Global norm that gradients are clipped to; 0: none", ge=0)
    label_smoothing: Share = setting(
        0.0, "Label smoothing: share of the target probability spread over all words"
    )
    patience: int = setting(
        5, "Early stopping: epochs without a lower dev loss before training stops", ge=1
    )
    training_data: Literal["auto", "memory", "stream"] = setting(
        "auto",
        "Where the training photos' features and captions are during training. memory: in memory; "
        "stream: on disk, and shuffled in parts of 16,000 photos; auto: in memory up to 1 GiB",
    )
    reranking_photos: int = setting(
        20_000,
        "Training photos that the model keeps for reranking, confidence and drift: a random sample "
        "if there are more",
        ge=1,
    )
    checkpoints: Name = setting(
        "checkpoints",
        "Folder, local, gs:// or s3://, for checkpoints, from which the next run resumes an "
        "unfinished training",
        decisive=False,
    )
