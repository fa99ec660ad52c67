"""Settings of the steps that read data: `ingest`, `normalize` and `embeddings`."""

from typing import Annotated, ClassVar, Self

from pydantic import Field, model_validator

from components.language_tag import LANGUAGE_TAG
from components.settings.base import setting
from components.settings.shared import (
    BeamSettings,
    Name,
    SeedSettings,
    StartSettings,
    StoreSettings,
)

#: The value of `dataset` and of `glove` for the data that the package contains.
SAMPLE = "sample"
#: The value of `glove` for word embeddings that start at random.
NO_GLOVE = "none"

_SplitShare = Annotated[float, Field(gt=0, lt=1)]
_Limit = Annotated[float, Field(ge=0, le=1)]


class DataSettings(SeedSettings, StoreSettings, StartSettings):
    """The data set and its splits."""

    title: ClassVar[str] = "Data"

    dataset: Name = setting(
        "sample",
        "Captioned photos: a folder, .zip or .tar.gz, local, gs:// or s3://, as JSON Lines, CSV, "
        "COCO captions, Karpathy's JSON or Flickr's token files; or 'sample', generated scenes",
        external=(SAMPLE,),
    )
    language: Annotated[str, Field(pattern=rf"^({LANGUAGE_TAG})?$")] = setting(
        "",
        "Language of the captions, for reports, pages and speech: a BCP 47 tag, such as de or "
        "zh-Hant; empty: detected",
    )
    scenes: int = setting(480, "Number of scenes that 'sample' generates", ge=1, le=100_000)
    dev_share: _SplitShare = setting(
        0.125,
        "Share of photos for dev, if the data set has no splits of its own; share of its train "
        "photos, if it has only train and test",
    )
    test_share: _SplitShare = setting(
        0.125, "Share of photos for test, if the data set has no splits of its own"
    )
    max_quarantined: _Limit = setting(
        0.05, "Largest share of captioned photos that may be unusable; above it, the run fails"
    )
    # Larger, because a partial download is often enough; but if most photos are missing, captions
    # and photos do not belong together.
    max_missing: _Limit = setting(
        0.2, "Largest share of captioned photos that may be missing; above it, the run fails"
    )

    @model_validator(mode="after")
    def _leaves_photos_to_train_on(self) -> Self:
        if self.dev_share + self.test_share >= 1:
            raise ValueError(
                "dev_share and test_share must leave photos for train: their sum must be below 1. "
                f"Received: {self.dev_share} + {self.test_share}"
            )
        return self


class VocabularySettings(BeamSettings):
    """The vocabulary."""

    title: ClassVar[str] = "Data"

    min_count: int = setting(
        1,
        "Minimum number of occurrences in the train captions for a word to enter the vocabulary",
        ge=1,
    )


class EmbeddingSettings(SeedSettings):
    """The pretrained word vectors."""

    title: ClassVar[str] = "Data"

    glove: Name = setting(
        "sample",
        "GloVe vectors as text, .gz or Stanford's .zip (…zip#glove.6B.100d.txt selects one), "
        "local, gs:// or s3://; 'sample', a small extract for the generated scenes; or 'none', "
        "random vectors",
        external=(SAMPLE, NO_GLOVE),
    )
