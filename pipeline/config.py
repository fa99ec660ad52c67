"""All settings of the pipeline: one validated object.

The DAG's parameters, the command line and its help are made from `Settings`; no setting is
written down a second time.
"""

import shlex
from typing import Annotated, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    field_validator,
    model_validator,
)

from components.captioning.encoder.backbone_names import canonical_backbone_name
from components.errors import SettingError
from components.gate.thresholds import read_thresholds
from components.ingest.settings import MAX_MISSING

_Share = Annotated[float, Field(ge=0, lt=1)]
_Text = Annotated[str, Field(min_length=1)]


class Settings(BaseModel):
    """Every setting of a run, with its default (the preset `sample`), rule and meaning."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    # What to learn from
    dataset: _Text = Field(
        "sample",
        description="Captioned photos: a folder, .zip or .tar.gz, local, gs:// or s3://, as JSON "
        "Lines, CSV, COCO captions, Karpathy's JSON or Flickr's token files; or 'sample', drawn "
        "scenes",
    )
    scenes: int = Field(480, ge=40, le=100_000, description="Scenes that 'sample' draws")
    dev_share: _Share = Field(
        0.125, gt=0, description="Share of photos for dev, if the data set brings no splits"
    )
    test_share: _Share = Field(
        0.125, gt=0, description="Share of photos for test, if the data set brings no splits"
    )
    max_quarantined: _Share = Field(
        0.05, description="Share of photos that may be unusable before the run stops"
    )
    max_missing: _Share = Field(
        MAX_MISSING,
        description="Share of captioned photos that may be missing before the run stops",
    )
    seed: int = Field(
        17, ge=0, lt=2**31, description="Fixes splits, drawn scenes, weights and order"
    )
    beam_flags: str = Field(
        "",
        description="Flags for Beam, of a runner whose workers see this machine's files; "
        "empty: Beam runs in the step itself",
    )

    # Words
    min_count: int = Field(
        1, ge=1, description="Times a word must stand in the train captions to be learnt"
    )
    glove: _Text = Field(
        "sample",
        description="GloVe vectors as text, .gz or Stanford's .zip (…zip#glove.6B.100d.txt picks "
        "one), local, gs:// or s3://; or 'sample', a small extract for the drawn scenes",
    )

    # Features
    encoder: _Text = Field(
        "InceptionV3", description="The network of keras.applications that sees the photos"
    )
    encoder_weights: _Text = Field(
        "random",
        description="'imagenet' (Keras fetches them), the path of a weights file, local, gs:// or "
        "s3://, or 'random' (enough for the drawn scenes only)",
    )
    encoder_batch: int = Field(32, ge=32, le=4096, description="Photos encoded side by side")
    store: str = Field(
        "features",
        description="Folder, local, gs:// or s3://, of features computed before; empty: none",
    )

    # The network and its training
    decoder: Literal["par_inject", "init_inject"] = Field(
        "par_inject",
        description="par_inject: the LSTM sees the photo at each word; init_inject: at its start "
        "only (Tanti et al., 2018)",
    )
    ensemble_size: int = Field(
        1, ge=1, le=16, description="Decoders that learn side by side and speak together"
    )
    units: int = Field(256, ge=1, le=8192, description="Width of the LSTM")
    embedding_width: int = Field(
        0, ge=0, le=8192, description="Numbers a word; 0: as many as GloVe's vectors have"
    )
    dropout: _Share = Field(0.5, description="Share of features, words and outputs dropped")
    train_embeddings: bool = Field(True, description="Whether training changes GloVe's vectors")
    epochs: int = Field(15, ge=1, le=10_000, description="Passes over the train captions at most")
    batch_size: int = Field(64, ge=1, le=65_536, description="Captions a training step")
    learning_rate: float = Field(2e-3, gt=0, le=1, description="AdamW's rate at its highest")
    schedule: Literal["cosine", "constant"] = Field(
        "cosine", description="How the learning rate goes on"
    )
    weight_decay: float = Field(0.05, ge=0, lt=1, description="AdamW's weight decay")
    clip_norm: float = Field(5.0, ge=0, description="Longest gradient; 0 clips nothing")
    label_smoothing: _Share = Field(0.0, description="Share of the target spread over all words")
    patience: int = Field(
        5, ge=1, description="Epochs without a better dev loss before training stops"
    )
    max_words: int = Field(
        20, ge=1, le=200, description="Longest caption that is said; longer ones are cut to learn"
    )
    precision: Literal["auto", "float32", "mixed"] = Field(
        "auto",
        description="Arithmetic of encoder and training; mixed: bfloat16 on a processor, float16 "
        "on a GPU, where the encoder stays float32; auto: mixed where the machine has "
        "instructions for it, and in the encoder for trained InceptionV3 alone",
    )
    checkpoints: _Text = Field(
        "checkpoints",
        description="Folder, local, gs:// or s3://, of unfinished trainings; a next run goes on "
        "with them",
    )

    # Captions, scores and release
    beam_width: int = Field(5, ge=1, le=100, description="Captions searched at once; 1 is greedy")
    length_penalty: float = Field(
        1.0, ge=0, le=5, description="Power of the length that a caption's score is divided by"
    )
    reranking_weight: float = Field(
        0.0,
        ge=0,
        le=1000,
        description="How much a caption's agreement with what the train photos let expect counts",
    )
    floors: str = Field(
        "bleu4=40",
        description="Test scores that a model needs to be registered, such as "
        "'bleu4=40 cider_d=50'; empty: none",
    )
    margin: float = Field(
        0.5,
        ge=0,
        le=100,
        description="BLEU-4 points a model may lie below the champion if it learnt from more "
        "photos; one that did not has to be better",
    )
    model_name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.\-]*$")] = Field(
        "captionflow-sample", description="Name of the model in the MLflow registry"
    )
    experiment: _Text = Field("captionflow", description="MLflow experiment that runs go to")
    force: bool = Field(
        False, description="Whether to train though the champion has the same data and settings"
    )

    @field_validator("encoder")
    @classmethod
    def _is_known(cls, network: str) -> str:
        try:
            return canonical_backbone_name(network)
        except SettingError as error:
            raise ValueError(str(error)) from error

    @field_validator("beam_flags")
    @classmethod
    def _can_be_split(cls, flags: str) -> str:
        try:
            shlex.split(flags)
        except ValueError as error:
            raise ValueError(f"beam_flags must be flags: {error}. Received: {flags!r}") from error
        return flags

    @field_validator("floors")
    @classmethod
    def _names_scores(cls, floors: str) -> str:
        try:
            read_thresholds(floors)
        except SettingError as error:
            raise ValueError(str(error)) from error
        return floors

    @model_validator(mode="after")
    def _leaves_photos_to_train_on(self) -> "Settings":
        if self.dev_share + self.test_share >= 1:
            raise ValueError(
                "dev_share and test_share must leave photos for train: their sum must be below 1. "
                f"Received: {self.dev_share} + {self.test_share}"
            )
        return self


def flag(name: str) -> str:
    """Returns a setting's name as it stands on the command line."""
    return "--" + name.replace("_", "-")
