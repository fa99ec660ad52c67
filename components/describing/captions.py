"""From photos' files to what is said of them: a caption, or why there is none."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from components.captioning.inference.bundle import Caption
from components.captioning.inference.captioner import Captioner
from components.describing.model import DecodeOptions, Model
from components.describing.photo_files import PhotoFile, content_of, read_photo
from components.errors import DataError

# A score's digits; further ones differ with what is computed side by side.
_DIGITS = 4
# Of a share that is shown as brightness.
_SHARE_DIGITS = 2
# For a person: each is told as soon as it is known, though four cost as much as one.
_SIDE_BY_SIDE = 4


class Loaded(NamedTuple):
    """A photo as the encoder takes it, or why that can't be had.

    Attributes:
        photo: Which.
        content: What tells its content; empty if that can't be read.
        pixels: uint8 [S, S, 3], or None.
        error: In words; empty if there are pixels.
    """

    photo: PhotoFile
    content: str
    pixels: NDArray[np.uint8] | None
    error: str


def load_captioner(model: Model, *, batch_size: int = _SIDE_BY_SIDE) -> Captioner:
    """Reads a model.

    Raises:
        DataError: If it is not whole.
    """
    try:
        return Captioner(model.directory, batch_size=batch_size)
    except DataError as error:
        # Where a registered model's files were copied to is of no use to anyone.
        raise DataError(str(error).replace(str(model.directory), model.name)) from error


def load(photo: PhotoFile, read: Callable[[PhotoFile], bytes], captioner: Captioner) -> Loaded:
    """Reads and decodes a photo; nothing about the photo makes this function fail.

    Args:
        photo: Which.
        read: What reads its bytes, such as `photo_files.read_photo`.
        captioner: Who is to see it.
    """
    content = ""
    try:
        encoded = read(photo)
        content = content_of(photo, encoded)
        return Loaded(photo, content, captioner.load(encoded, named=photo.name), "")
    except DataError as error:
        return Loaded(photo, content, None, str(error))


def caption_photos(
    captioner: Captioner, loaded: Sequence[Loaded], asked: DecodeOptions
) -> list[dict[str, Any]]:
    """Describes photos.

    Args:
        captioner: The model.
        loaded: Photos that are computed side by side.
        asked: Beam and alternatives.

    Returns:
        For each photo, in order, a JSON-able object: `photo` (its name), and either `caption`,
        `score` and, if asked, `alternatives` (the next best, each with its score), or `error`;
        then `content` if it could be read.
    """
    seen = [each.pixels for each in loaded if each.pixels is not None]
    said = iter(captioner.alternatives_or_errors(seen, beam_width=asked.beam_width) if seen else [])
    return [
        {
            "photo": each.photo.name,
            **({"error": each.error} if each.pixels is None else _told(each, next(said), asked)),
            **({"content": each.content} if each.content else {}),
        }
        for each in loaded
    ]


def saliency_of(
    captioner: Captioner, pixels: NDArray[np.uint8], caption: str
) -> list[dict[str, Any]]:
    """Tells where the model looked.

    Args:
        captioner: The model.
        pixels: Of a photo, uint8 [S, S, 3].
        caption: What was said of it.

    Returns:
        JSON-able: for each word of the caption `word`, `place` in words, and `cells`, rows of
        numbers 0 to 1, see `looking.Look`; empty if there is no word, or nothing is known.
    """
    return [
        {
            "word": each.word,
            "place": each.place,
            "cells": each.cells.astype(float).round(_SHARE_DIGITS).tolist(),
        }
        for each in captioner.saliency(pixels, caption)
    ]


def caption_one_by_one(
    captioner: Captioner, photos: Sequence[PhotoFile], asked: DecodeOptions
) -> Iterator[dict[str, Any]]:
    """Yields what `say` returns, a few photos after the other.

    Raises:
        SettingError, CaptionflowError: If a bucket can't be used.
    """
    for start in range(0, len(photos), _SIDE_BY_SIDE):
        few = photos[start : start + _SIDE_BY_SIDE]
        yield from caption_photos(
            captioner, [load(photo, read_photo, captioner) for photo in few], asked
        )


def _told(
    loaded: Loaded, found: Sequence[Caption] | DataError, asked: DecodeOptions
) -> dict[str, Any]:
    if isinstance(found, DataError):
        return {"error": f"{loaded.photo.name}: {found}"}
    best, *others = [
        {"caption": said.caption, "score": round(said.score, _DIGITS)}
        for said in found[: asked.alternatives + 1]
    ]
    return {**best, **({"alternatives": others} if asked.alternatives else {})}
