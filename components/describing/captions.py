"""Captions of photos as JSON objects: a caption and its score, or the reason why there is none."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from components.captioning.inference.captioner import Captioner, Description
from components.captioning.inference.scoring import SCORE_DECIMALS
from components.describing.model import DecodeOptions, Model
from components.describing.photo_files import PhotoFile, photo_checksum, read_photo
from components.errors import DataError

# Decimals of a saliency map, which is shown as brightness.
_SALIENCY_DECIMALS = 2
# Photos per batch for a person, who sees each caption as soon as it is found.
_BATCH_SIZE = 4


class LoadedPhoto(NamedTuple):
    """A decoded photo, or the reason why it can't be decoded.

    Attributes:
        name: The photo's name.
        checksum: Checksum of its content; empty if it can't be read.
        pixels: uint8 [S, S, 3], or None.
        error: Error message; empty if there are pixels.
    """

    name: str
    checksum: str
    pixels: NDArray[np.uint8] | None
    error: str


def load_captioner(model: Model, *, batch_size: int = _BATCH_SIZE) -> Captioner:
    """Loads a model.

    Raises:
        DataError: If it is incomplete; the message names the model.
    """
    try:
        return Captioner(model.directory, batch_size=batch_size)
    except DataError as error:
        # The temporary folder of a registered model means nothing to a user.
        raise DataError(str(error).replace(str(model.directory), model.name)) from error


def load_photo(photo: PhotoFile, captioner: Captioner) -> LoadedPhoto:
    """Reads and decodes a photo; errors of the photo itself are returned, not raised.

    Args:
        photo: The photo.
        captioner: The captioner it is for.

    Raises:
        SettingError: If its bucket can't be used.
        CaptionflowError: If the object store does not answer.
    """
    try:
        encoded = read_photo(photo)
    except DataError as error:
        return LoadedPhoto(photo.name, "", None, str(error))
    return decode_photo(photo, encoded, captioner)


def decode_photo(photo: PhotoFile, encoded: bytes, captioner: Captioner) -> LoadedPhoto:
    """Decodes a photo; an error of the photo itself is returned, not raised.

    Args:
        photo: The photo.
        encoded: Content of its file.
        captioner: The captioner it is for.
    """
    checksum = photo_checksum(photo, encoded)
    try:
        return LoadedPhoto(photo.name, checksum, captioner.load(encoded, named=photo.name), "")
    except DataError as error:
        return LoadedPhoto(photo.name, checksum, None, str(error))


def caption_photos(
    captioner: Captioner, photos: Sequence[LoadedPhoto], options: DecodeOptions
) -> list[dict[str, Any]]:
    """Captions photos in one batch.

    Args:
        captioner: The model.
        photos: Loaded photos.
        options: Decoding options.

    Returns:
        For each photo, in order, an object for JSON: `photo` (its name), and either `caption`,
        `score`, `confidence` (the probability that the caption is good), `certainty` ("likely" or
        "not sure"), if not sure `doubt` (why, a sentence) and, if requested, `alternatives` (the
        next best captions with their scores), or `error`; then `checksum` if it could be read.
    """
    pixels = [photo.pixels for photo in photos if photo.pixels is not None]
    found = iter(
        captioner.descriptions_or_errors(pixels, beam_width=options.beam_width) if pixels else []
    )
    return [
        {
            "photo": photo.name,
            **(
                {"error": photo.error}
                if photo.pixels is None
                else _result(photo.name, next(found), options, captioner)
            ),
            **({"checksum": photo.checksum} if photo.checksum else {}),
        }
        for photo in photos
    ]


def caption_one_by_one(
    captioner: Captioner, photos: Sequence[PhotoFile], options: DecodeOptions
) -> Iterator[dict[str, Any]]:
    """Yields what `caption_photos` returns, in small batches.

    Raises:
        SettingError: If a bucket can't be used.
        CaptionflowError: If the object store does not answer.
    """
    for start in range(0, len(photos), _BATCH_SIZE):
        batch = photos[start : start + _BATCH_SIZE]
        yield from caption_photos(
            captioner, [load_photo(photo, captioner) for photo in batch], options
        )


def saliency_of(
    captioner: Captioner, pixels: NDArray[np.uint8], caption: str
) -> list[dict[str, Any]]:
    """Returns the saliency of each word of a caption, for JSON.

    Args:
        captioner: The model.
        pixels: A photo, uint8 [S, S, 3].
        caption: Its caption.

    Returns:
        For each word `word`, `place` and `cells`, see `saliency.WordSaliency`; empty if there are
        no words, or the encoder's feature map has only one cell.
    """
    return [
        {
            "word": word.word,
            "place": word.place,
            "cells": word.cells.astype(float).round(_SALIENCY_DECIMALS).tolist(),
        }
        for word in captioner.saliency(pixels, caption)
    ]


def _result(
    name: str, found: Description | DataError, options: DecodeOptions, captioner: Captioner
) -> dict[str, Any]:
    if isinstance(found, DataError):
        return {"error": f"{name}: {found}"}
    best, *others = [
        {"caption": captioner.shown(each.text), "score": round(each.score, SCORE_DECIMALS)}
        for each in found.captions[: options.alternatives + 1]
    ]
    confidence = found.confidence
    return {
        **best,
        "confidence": round(confidence.probability, SCORE_DECIMALS),
        "certainty": confidence.certainty,
        **({"doubt": confidence.doubt.value} if confidence.doubt else {}),
        **({"alternatives": others} if options.alternatives else {}),
    }
