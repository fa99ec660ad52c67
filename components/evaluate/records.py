"""The records of earlier steps that an evaluation needs: those of the training and of the data."""

from typing import Annotated, Any

from pydantic import AliasPath, BaseModel, Field

from components.artifacts.language import UNDETERMINED

_Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class Epoch(BaseModel):
    """The metrics of an epoch, as recorded by `train`; losses are in nats per token."""

    word_loss: float
    dev_word_loss: float
    learning_rate: float
    seconds: float


class Training(BaseModel):
    """The record of a training in `training.json`.

    Attributes:
        mlflow_run_id: The MLflow run with its metrics.
        best_epoch: The epoch whose weights the model has, counted from 1.
        max_words: Maximum length of a caption in words.
        settings: The training settings.
        history: All epochs.
        embeddings: Where the word embeddings came from: `source`, `width`, and `found`, the number
            of words with a vector.
        start_from: The model that the training continued from, if any.
    """

    mlflow_run_id: str
    best_epoch: int
    max_words: Annotated[int, Field(ge=1, validation_alias=AliasPath("settings", "max_words"))]
    settings: dict[str, Any]
    history: Annotated[list[Epoch], Field(min_length=1)]
    embeddings: dict[str, Any] | None = None
    start_from: dict[str, Any] | None = None


class Finding(BaseModel):
    """Something in the data that limits a model trained on them; see `ingest`'s `report.json`.

    Attributes:
        kind: Its name.
        text: An explanation, with numbers.
    """

    kind: str
    text: str


class Words(BaseModel):
    """Counts of the words in the captions.

    Attributes:
        lengths: Number of captions with no word, with one word, with two words and so on.
        unspaced_share: Share of the words that are single characters of scripts without spaces.
    """

    lengths: list[int]
    unspaced_share: float


class Data(BaseModel):
    """The description of the data in the manifest's `report.json`.

    Attributes:
        dataset_fingerprint: Fingerprint of all photos and captions.
        test_fingerprint: Fingerprint of the test split.
        source: The layout of the data set; `sample` for drawn scenes.
        language: The captions' language, a BCP 47 tag.
        words: Counts of the words in the captions.
        findings: Whatever in the data limits a model trained on them.
        photos: Number of photos.
        captions: Number of captions.
        splits: Number of photos by split.
        near_duplicates: Pairs of near-duplicate photos, one in train and one in dev or test.
        summary: A description of the data set, as rows of a title and a text.
    """

    dataset_fingerprint: _Sha256
    test_fingerprint: _Sha256
    source: str
    photos: int
    captions: int
    splits: dict[str, int]
    words: Words
    language: str = UNDETERMINED
    findings: list[Finding] = []
    near_duplicates: Annotated[int, Field(validation_alias=AliasPath("counts", "near_duplicates"))]
    summary: list[tuple[str, str]]
