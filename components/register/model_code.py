"""The registered model's MLflow code: loads the bundle without pickle and captions photos.

MLflow stores a copy of this file with the bundle and runs it to load the model ("models from
code"). The package `components` is stored with it.
"""

import base64
import binascii
import io
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.models import set_model
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE
from mlflow.pyfunc import PythonModel, PythonModelContext
from numpy.typing import NDArray
from PIL import Image

from components.errors import DataError
from components.settings.bounds import MAX_BEAM_WIDTH

if TYPE_CHECKING:
    from components.captioning.inference.captioner import Captioner, Description

# As on the command line; further digits depend on the other photos of a batch.
_DIGITS = 4
# Photos encoded at once: bounds the memory, however many a request has.
_BATCH = 32


class InvalidInputError(MlflowException):
    """A photo or parameter breaks a rule; a client error with a message of one line.

    Args:
        message: The message.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message, INVALID_PARAMETER_VALUE)
        self._original = message

    def serialize_as_json(self) -> str:
        """Returns the body of the scoring server's response."""
        # The server has prepended the whole request to the message, over several lines.
        self.message = self._original
        return str(super().serialize_as_json())


class CaptioningModel(PythonModel):
    """Captions the photos of the column `photo`."""

    def load_context(self, context: PythonModelContext) -> None:
        """Loads the bundle."""
        # Here, since these import TensorFlow, which loading the file alone does not need.
        from components.captioning.inference.batching import DynamicBatcher
        from components.captioning.inference.captioner import Captioner

        # A server calls `predict` in a thread per request.
        self._batcher: DynamicBatcher[Captioner, NDArray[np.uint8], int, Description] = (
            DynamicBatcher(partial(Captioner, context.artifacts["bundle"]), _caption)
        )
        self._captioner = self._batcher.model.result()

    def predict(
        self,
        context: PythonModelContext,
        model_input: pd.DataFrame,
        params: dict[str, Any] | None = None,
    ) -> pd.DataFrame:
        """Captions photos.

        Args:
            context: MLflow's context, not used.
            model_input: Column `photo`: each value is an image file's bytes; the same in base64, as
                in JSON; pixels, uint8 [H, W, 3] or nested lists; or a `pathlib.Path`, which can't
                be sent over HTTP. Paths and URLs as text are rejected: a client could read the
                server's files with them, or make it send requests.
            params: `beam_width`, 1 to 100; and `alternatives`, the number of captions besides the
                best one, below the beam width. MLflow fills in the defaults.

        Returns:
            A row per row of the input: `caption`; its `score`, which ranks captions of the same
            photo; `confidence`, the probability that it is good; `certainty`, "likely" or "not
            sure"; `doubt`, why the model is not sure, or empty; and `alternatives`, a list of
            `caption` and `score`, best first.

        Raises:
            InvalidInputError: If a photo can't be read or captioned (the message names its row), or
                a parameter breaks its rule.
        """
        width, others = _parameters(params or {}, self._captioner.bundle.decoding.beam_width)
        photos = list(model_input["photo"].items())
        results = [
            description
            for start in range(0, len(photos), _BATCH)
            for description in self._descriptions(photos[start : start + _BATCH], width)
        ]
        return pd.DataFrame(
            {
                "caption": [captions[0].text for captions, _ in results],
                "score": [round(captions[0].score, _DIGITS) for captions, _ in results],
                "confidence": [round(known.probability, _DIGITS) for _, known in results],
                "certainty": [known.certainty for _, known in results],
                "doubt": [str(known.doubt or "") for _, known in results],
                "alternatives": [
                    [
                        {"caption": other.text, "score": round(other.score, _DIGITS)}
                        for other in captions[1 : others + 1]
                    ]
                    for captions, _ in results
                ],
            },
            index=model_input.index,
        )

    def _descriptions(self, photos: list[tuple[Any, Any]], width: int) -> Iterator["Description"]:
        pixels = [self._load(row, photo) for row, photo in photos]
        futures = [self._batcher.submit(each, width) for each in pixels]
        for (row, _), future in zip(photos, futures, strict=True):
            try:
                yield future.result()
            except DataError as error:
                raise _invalid_photo(row, error) from error

    def _load(self, row: Any, photo: Any) -> NDArray[np.uint8]:
        try:
            return self._captioner.load(photo if isinstance(photo, Path) else _file_content(photo))
        except DataError as error:
            raise _invalid_photo(row, error) from error


def _caption(
    captioner: "Captioner", pixels: list[NDArray[np.uint8]], beam_width: int
) -> "list[Description | DataError]":
    return captioner.descriptions_or_errors(pixels, beam_width=beam_width)


def _invalid_photo(row: Any, error: DataError) -> InvalidInputError:
    return InvalidInputError(f"Row {row} of `photo` can't be used: {error}")


def _parameters(params: dict[str, Any], own_width: int) -> tuple[int, int]:
    # JSON's null means the default.
    given = {name: value for name, value in params.items() if value is not None}
    width, others = given.get("beam_width", own_width), given.get("alternatives", 0)
    if not 1 <= width <= MAX_BEAM_WIDTH:
        raise InvalidInputError(f"beam_width must be 1 to {MAX_BEAM_WIDTH}. Received: {width}")
    if not 0 <= others < width:
        raise InvalidInputError(
            f"alternatives must be 0 or more, and below the beam_width {width}. Received: {others}"
        )
    return width, others


def _file_content(photo: Any) -> bytes:
    """Returns a photo as the bytes of an image file.

    Raises:
        DataError: If it is of no type that `predict` accepts.
    """
    if isinstance(photo, bytes):
        return photo
    if isinstance(photo, str):
        try:
            return base64.b64decode("".join(photo.split()), validate=True)
        except (binascii.Error, ValueError) as error:
            # A path or URL is never opened, see `predict`.
            raise DataError(
                f"text must be an image file in base64. Received: {photo!r:.50}"
            ) from error
    if isinstance(photo, list | np.ndarray):
        return _as_file(photo)
    raise DataError(
        "a photo must be an image file's bytes, the same in base64, pixels, or a pathlib.Path. "
        "Received: "
        f"{type(photo).__name__}"
    )


def _as_file(pixels: Any) -> bytes:
    try:
        array = np.asarray(pixels)
        if array.dtype.kind not in "iu" or array.size == 0 or array.min() < 0 or array.max() > 255:
            raise ValueError(f"{array.dtype} {list(array.shape)}")
        if array.ndim != 3 or array.shape[2] != 3:
            raise ValueError(f"{array.dtype} {list(array.shape)}")
    except ValueError as error:
        raise DataError(
            f"pixels must be integers, 0 to 255, of shape [height, width, 3]. Received: {error}"
        ) from error
    # As a lossless file, so that pixels pass the same checks and limits as files.
    file = io.BytesIO()
    Image.fromarray(array.astype(np.uint8)).save(file, "BMP")
    return file.getvalue()


set_model(CaptioningModel())
