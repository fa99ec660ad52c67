"""The registered model as MLflow runs it: from this file's code and the bundle, without pickle.

MLflow keeps a copy of this file beside the bundle and runs it to load the model (its *models from
code*). `components` comes along as the model's own code.
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
    from components.captioning.inference.bundle import Caption
    from components.captioning.inference.captioner import Captioner

# As the command line tells them; further digits differ with what is computed side by side.
_DIGITS = 4
# Photos that are encoded at once: whatever is asked for, memory stays the same.
_BATCH = 32


class Unusable(MlflowException):
    """A photo or parameter that breaks a rule: the client's error, told in one line.

    Args:
        told: The line.
    """

    def __init__(self, told: str) -> None:
        super().__init__(told, INVALID_PARAMETER_VALUE)
        self._told = told

    def serialize_as_json(self) -> str:
        """Returns the scoring server's answer."""
        # By now the server has put before it, over several lines, all that was sent.
        self.message = self._told
        return str(super().serialize_as_json())


class CaptioningModel(PythonModel):
    """Describes photos: takes a column `photo`, gives what it says of each."""

    def load_context(self, context: PythonModelContext) -> None:
        """Reads the bundle."""
        # TensorFlow comes with it, and only who describes photos needs that.
        from components.captioning.inference.batching import DynamicBatcher
        from components.captioning.inference.captioner import Captioner

        # A server calls `predict` in as many threads as it has requests.
        self._batcher: DynamicBatcher[Captioner, NDArray[np.uint8], int, list[Caption]] = (
            DynamicBatcher(partial(Captioner, context.artifacts["bundle"]), _caption)
        )
        self._captioner = self._batcher.model.result()

    def predict(
        self,
        context: PythonModelContext,
        model_input: pd.DataFrame,
        params: dict[str, Any] | None = None,
    ) -> pd.DataFrame:
        """Describes photos.

        Args:
            context: MLflow's, not used.
            model_input: Column `photo`: each an image file's bytes, the same as base64 text (as
                JSON carries it), pixels, uint8 [H, W, 3] or nested lists of them, or a
                `pathlib.Path`, which nobody can send over HTTP. Paths and addresses as text are
                refused: who sends them would read a server's files, or have it fetch.
            params: `beam_width`, captions searched at once, 1 to 100; `alternatives`, how many are
                told besides the best one, fewer than the beam has. MLflow fills in the defaults.

        Returns:
            With the rows of the input: `caption`; its `score`, with which captions of one photo
            compare; and `alternatives`, for each row a list of `caption` and `score`, best first.

        Raises:
            Unusable: If a photo can't be read or described, it names its row; or if a parameter
                breaks its rule.
        """
        width, others = _parameters(params or {}, self._captioner.bundle.decoding.beam_width)
        photos = list(model_input["photo"].items())
        told = [
            found[: others + 1]
            for start in range(0, len(photos), _BATCH)
            for found in self._describe(photos[start : start + _BATCH], width)
        ]
        return pd.DataFrame(
            {
                "caption": [best.text for best, *_ in told],
                "score": [round(best.score, _DIGITS) for best, *_ in told],
                "alternatives": [
                    [{"caption": o.text, "score": round(o.score, _DIGITS)} for o in rest]
                    for _, *rest in told
                ],
            },
            index=model_input.index,
        )

    def _describe(self, photos: list[tuple[Any, Any]], width: int) -> Iterator["list[Caption]"]:
        pixels = [self._load(row, photo) for row, photo in photos]
        futures = [self._batcher.submit(each, width) for each in pixels]
        for (row, _), future in zip(photos, futures, strict=True):
            try:
                yield future.result()
            except DataError as error:
                raise _unusable(row, error) from error

    def _load(self, row: Any, photo: Any) -> NDArray[np.uint8]:
        try:
            return self._captioner.load(photo if isinstance(photo, Path) else _encoded(photo))
        except DataError as error:
            raise _unusable(row, error) from error


def _caption(
    captioner: "Captioner", pixels: list[NDArray[np.uint8]], beam_width: int
) -> "list[list[Caption] | DataError]":
    return captioner.alternatives_or_errors(pixels, beam_width=beam_width)


def _unusable(row: Any, error: DataError) -> Unusable:
    return Unusable(f"Row {row} of `photo` can't be used: {error}")


def _parameters(params: dict[str, Any], own_width: int) -> tuple[int, int]:
    # JSON's null is no wish.
    given = {name: value for name, value in params.items() if value is not None}
    width, others = given.get("beam_width", own_width), given.get("alternatives", 0)
    if not 1 <= width <= MAX_BEAM_WIDTH:
        raise Unusable(f"beam_width must be 1 to {MAX_BEAM_WIDTH}. Received: {width}")
    if not 0 <= others < width:
        raise Unusable(
            f"alternatives must be 0 or more, and below the beam_width {width}. Received: {others}"
        )
    return width, others


def _encoded(photo: Any) -> bytes:
    """Returns a photo as an image file's bytes.

    Raises:
        DataError: If it is none of the kinds that `predict` takes.
    """
    if isinstance(photo, bytes):
        return photo
    if isinstance(photo, str):
        try:
            return base64.b64decode("".join(photo.split()), validate=True)
        except (binascii.Error, ValueError) as error:
            # What it says may be a path: it is shown, not opened.
            raise DataError(
                f"a text must be an image file in base64. Received: {photo!r:.50}"
            ) from error
    if isinstance(photo, list | np.ndarray):
        return _as_file(photo)
    raise DataError(
        "it must be an image file's bytes, these as base64, pixels, or a pathlib.Path. Received: "
        f"{type(photo).__name__}"
    )


def _as_file(pixels: Any) -> bytes:
    try:
        given = np.asarray(pixels)
        if given.dtype.kind not in "iu" or given.size == 0 or given.min() < 0 or given.max() > 255:
            raise ValueError(f"{given.dtype} {list(given.shape)}")
        if given.ndim != 3 or given.shape[2] != 3:
            raise ValueError(f"{given.dtype} {list(given.shape)}")
    except ValueError as error:
        raise DataError(
            f"pixels must be whole numbers, 0 to 255, [height, width, 3]. Received: {error}"
        ) from error
    # The one way that all photos go, with its limits; nothing is lost on it.
    file = io.BytesIO()
    Image.fromarray(given.astype(np.uint8)).save(file, "BMP")
    return file.getvalue()


set_model(CaptioningModel())
