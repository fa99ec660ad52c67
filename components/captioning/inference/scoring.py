"""MLflow's scoring protocol for photos: a value per photo and parameters in, predictions out.

The registered model and `captionflow serve` share it, so that their clients are the same.
"""

import base64
import binascii
import io
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from components.captioning.encoder.images import MAX_BYTES, size_fault
from components.captioning.inference.batching import DynamicBatcher
from components.errors import DataError, SettingError
from components.settings.bounds import MAX_BEAM_WIDTH

if TYPE_CHECKING:
    from components.captioning.inference.captioner import Captioner, Description

#: The fields of a prediction, in order.
PREDICTION = ("caption", "score", "confidence", "certainty", "doubt", "alternatives")
#: Decimals of a score or confidence; further digits depend on the other photos of a batch.
SCORE_DECIMALS = 4
#: Characters of `MAX_BYTES` bytes in base64, in lines of 76 characters.
MAX_BASE64 = MAX_BYTES * 4 // 3 * 77 // 76 + 4

# Photos of one request that wait for the model at the same time: limits the memory, and lets photos
# of other requests in between.
_BATCH = 32
# Photos that are decoded at the same time; each may take 256 MB.
_DECODERS = 2

_Batcher: TypeAlias = "DynamicBatcher[Captioner, NDArray[np.uint8], int, Description]"


class PhotoScorer:
    """Captions photos for several threads, in shared batches.

    Args:
        load_captioner: Loads the captioner; called in the background. The model is then warmed up.
        on_warm: Called with the captioner before the first request, if given.
        max_waiting: Slots of `batcher`; None for no limit.

    Attributes:
        batcher: The queue before the model.
    """

    def __init__(
        self,
        load_captioner: "Callable[[], Captioner]",
        *,
        on_warm: "Callable[[Captioner], None] | None" = None,
        max_waiting: int | None = None,
    ) -> None:
        def load() -> "Captioner":
            captioner = load_captioner()
            captioner.warm_up(beam_width=captioner.bundle.decoding.beam_width)
            if on_warm is not None:
                on_warm(captioner)
            return captioner

        self.batcher: _Batcher = DynamicBatcher(
            load, _caption, max_batch_size=_BATCH, max_waiting=max_waiting
        )
        self._decoding = threading.BoundedSemaphore(_DECODERS)

    def predict(
        self, photos: Sequence[tuple[object, object]], params: Mapping[str, int | None]
    ) -> list[dict[str, Any]]:
        """Captions photos; waits until the model is loaded.

        Args:
            photos: A pair for each photo: its row, for messages, and its value: the bytes of an
                image file; the same in base64; pixels, uint8 [H, W, 3] or nested lists; or a
                `pathlib.Path`. Paths and URLs as text are rejected: with them, a client could read
                the server's files or make it send requests.
            params: `beam_width`, 1 to 100; and `alternatives`, the number of captions besides the
                best one, below the beam width. None, or no value, means the default.

        Returns:
            For each photo `caption`; its `score`, which ranks captions of the same photo;
            `confidence`, the probability that it is good; `certainty`, "likely" or "not sure";
            `doubt`, why the model is not sure, or empty; and `alternatives`, a list of `caption`
            and `score`, best first.

        Raises:
            DataError: If a photo can't be read or captioned; the message names its row.
            SettingError: If a parameter is out of range.
            CaptionflowError: If the batcher was closed.
        """
        captioner = self.batcher.model.result()
        width, others = _parameters(params, captioner.bundle.decoding.beam_width)
        predictions = []
        for start in range(0, len(photos), _BATCH):
            batch = photos[start : start + _BATCH]
            futures = [
                self.batcher.submit(self._load(captioner, row, value), width)
                for row, value in batch
            ]
            for (row, _), future in zip(batch, futures, strict=True):
                try:
                    found = future.result()
                except DataError as error:
                    raise _unusable(row, error) from error
                predictions.append(_prediction(captioner, found, others))
        return predictions

    def _load(self, captioner: "Captioner", row: object, value: object) -> NDArray[np.uint8]:
        try:
            with self._decoding:
                return captioner.load(value if isinstance(value, Path) else _file_content(value))
        except DataError as error:
            raise _unusable(row, error) from error


def _caption(
    captioner: "Captioner", pixels: list[NDArray[np.uint8]], beam_width: int
) -> "list[Description | DataError]":
    return captioner.descriptions_or_errors(pixels, beam_width=beam_width)


def _prediction(captioner: "Captioner", found: "Description", alternatives: int) -> dict[str, Any]:
    best, *others = [
        {"caption": captioner.shown(each.text), "score": round(each.score, SCORE_DECIMALS)}
        for each in found.captions[: alternatives + 1]
    ]
    return {
        **best,
        "confidence": round(found.confidence.probability, SCORE_DECIMALS),
        "certainty": found.confidence.certainty,
        "doubt": str(found.confidence.doubt or ""),
        "alternatives": others,
    }


def _unusable(row: object, error: DataError) -> DataError:
    return DataError(f"Row {row} of `photo` can't be used: {error}")


def _parameters(params: Mapping[str, int | None], own_width: int) -> tuple[int, int]:
    given = {name: value for name, value in params.items() if value is not None}
    width, others = given.get("beam_width", own_width), given.get("alternatives", 0)
    if not 1 <= width <= MAX_BEAM_WIDTH:
        raise SettingError(f"beam_width must be 1 to {MAX_BEAM_WIDTH}. Received: {width}")
    if not 0 <= others < width:
        raise SettingError(
            f"alternatives must be 0 or more, and below the beam_width {width}. Received: {others}"
        )
    return width, others


def _file_content(photo: object) -> bytes:
    """Returns a photo as the bytes of an image file.

    Raises:
        DataError: If it is of no type that `predict` accepts, or too large.
    """
    if isinstance(photo, bytes):
        return photo
    if isinstance(photo, str):
        if len(photo) > MAX_BASE64:
            raise DataError(f"an image file must not be larger than {MAX_BYTES} bytes")
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
        f"Received: {type(photo).__name__}"
    )


def _as_file(pixels: Any) -> bytes:
    try:
        array = np.asarray(pixels)
        if array.dtype.kind not in "iu" or array.size == 0 or array.min() < 0 or array.max() > 255:
            raise ValueError(f"{array.dtype} {list(array.shape)}")
        if array.ndim != 3 or array.shape[2] != 3:
            raise ValueError(f"{array.dtype} {list(array.shape)}")
    except (ValueError, OverflowError) as error:
        raise DataError(
            f"pixels must be integers, 0 to 255, of shape [height, width, 3]. Received: {error}"
        ) from error
    height, width, _ = array.shape
    # Before they are copied.
    if fault := size_fault(width, height):
        raise DataError(f"a photo {fault}")
    # As a lossless file, so that pixels pass the same checks and limits as files.
    file = io.BytesIO()
    Image.fromarray(array.astype(np.uint8)).save(file, "BMP")
    return file.getvalue()
