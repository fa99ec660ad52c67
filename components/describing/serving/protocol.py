"""The body of a request: MLflow's scoring protocol in JSON, checked by pydantic.

MLflow's own parser accepts the same bodies, but reports deeply nested JSON and long numbers as
internal errors, and CSV with a traceback.
"""

import reprlib
from typing import Annotated, Any, Literal, Self, TypeAlias, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    WithJsonSchema,
    model_validator,
)

from components.captioning.encoder.images import FORMATS, MAX_BYTES, MAX_PIXELS, MAX_SIDE
from components.settings.bounds import MAX_BEAM_WIDTH

#: Maximum number of photos per request.
MAX_PHOTOS = 1000
#: Name of the column with the photos.
COLUMN = "photo"

_PHOTO_SCHEMA = {
    "title": "Photo",
    "description": (
        f"An image file ({', '.join(FORMATS)}) of at most {MAX_PIXELS} pixels, at most {MAX_SIDE} "
        "wide or high, in base64; or its RGB pixels, as [height, width, 3]. The whole body may "
        f"have {MAX_BYTES >> 20} MiB."
    ),
    "anyOf": [
        {"type": "string", "contentEncoding": "base64", "maxLength": MAX_BYTES},
        {
            "type": "array",
            "items": {
                "type": "array",
                "items": {
                    "type": "array",
                    "items": {"type": "integer", "minimum": 0, "maximum": 255},
                    "minItems": 3,
                    "maxItems": 3,
                },
            },
        },
    ],
}


def _check_photo(value: Any) -> Any:
    # The content is checked when it is decoded.
    if not isinstance(value, str | list):
        raise ValueError(
            f"must be an image file in base64, or pixels. Received: {reprlib.repr(value)}"
        )
    # A single character beyond ASCII makes Python's string four times as large.
    if isinstance(value, str) and not value.isascii():
        raise ValueError("must be base64, but has characters beyond ASCII")
    return value


Photo: TypeAlias = Annotated[Any, AfterValidator(_check_photo), WithJsonSchema(_PHOTO_SCHEMA)]


_List = TypeVar("_List")
# The parser stops once there are too many photos.
_AtMost: TypeAlias = Annotated[_List, Field(max_length=MAX_PHOTOS)]


class _Model(BaseModel):
    # Strict: "2" is not a number. Other columns and fields are ignored, as by MLflow's server.
    model_config = ConfigDict(strict=True)


class PhotoRow(_Model):
    """A row with a photo."""

    photo: Photo


class PhotoColumn(_Model):
    """A column of photos, or a single photo."""

    photo: (
        Annotated[str, AfterValidator(_check_photo), WithJsonSchema(_PHOTO_SCHEMA)]
        | _AtMost[list[Photo]]
    )

    @property
    def photos(self) -> list[Any]:
        """The photos."""
        return [self.photo] if isinstance(self.photo, str) else self.photo


class DataframeSplit(_Model):
    """A table as pandas writes it: `DataFrame.to_dict(orient="split")`."""

    columns: list[str] = Field(
        max_length=MAX_PHOTOS, description=f"Names of columns, one of them `{COLUMN}`."
    )
    data: _AtMost[list[Any]] = Field(
        description="A list of values per row; or just photos if `photo` is the only column."
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if COLUMN not in self.columns:
            raise ValueError(
                f"columns must have `{COLUMN}`. Received: {reprlib.repr(self.columns)}"
            )
        for number, row in enumerate(self.data):
            values = row if isinstance(row, list) else [row]
            if len(values) != len(self.columns):
                raise ValueError(
                    f"data must have a value for each column. Received in row {number}: "
                    f"{len(values)} values for {len(self.columns)} columns"
                )
        for photo in self.photos:
            _check_photo(photo)
        return self

    @property
    def photos(self) -> list[Any]:
        """The photos."""
        place = self.columns.index(COLUMN)
        return [row[place] if isinstance(row, list) else row for row in self.data]


class Params(_Model):
    """Decoding options; null means the default."""

    beam_width: int | None = Field(
        None, ge=1, le=MAX_BEAM_WIDTH, description="Beam width; the default is the model's."
    )
    alternatives: int | None = Field(
        None, ge=0, description="Captions besides the best one; fewer than the beam width."
    )


class Invocation(_Model):
    """Photos in exactly one of the four forms, and parameters."""

    dataframe_split: DataframeSplit | None = None
    dataframe_records: _AtMost[list[PhotoRow]] | None = None
    inputs: PhotoColumn | _AtMost[list[PhotoRow]] | None = None
    instances: PhotoColumn | _AtMost[list[PhotoRow]] | None = None
    params: Params | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        given = self._given
        if len(given) != 1:
            raise ValueError(
                f"must have exactly one of the fields {', '.join(_FORMS)}. Received: "
                f"{', '.join(given) or 'none'}"
            )
        return self

    @property
    def _given(self) -> list[str]:
        return [name for name in _FORMS if getattr(self, name) is not None]

    @property
    def photos(self) -> list[Any]:
        """The photos, in order."""
        given = getattr(self, self._given[0])
        return [row.photo for row in given] if isinstance(given, list) else list(given.photos)


_FORMS = ("dataframe_split", "dataframe_records", "inputs", "instances")


class Alternative(BaseModel):
    """A caption."""

    caption: str
    score: float = Field(description="Ranks captions of the same photo; higher is better.")


class Prediction(Alternative):
    """A photo's best caption, how sure the model is of it, and the next best ones."""

    confidence: float = Field(ge=0, le=1, description="Probability that the caption is good.")
    certainty: Literal["likely", "not sure"]
    doubt: str = Field(description="Why the model is not sure; empty if it is.")
    alternatives: list[Alternative]


class Predictions(BaseModel):
    """A prediction per photo, in order."""

    predictions: list[Prediction]
