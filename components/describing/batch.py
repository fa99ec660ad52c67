"""Describes whole folders with Beam, into a file that a next run goes on with."""

import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import apache_beam as beam
from apache_beam.utils.shared import Shared

from components.artifacts.fingerprint import fingerprint_tree
from components.describing.captioning import BATCH, CaptionPhotos
from components.describing.captions import load_captioner
from components.describing.lines import begin_anew, put_in_order, read_lines, sole_writer
from components.describing.model import DecodeOptions, Model
from components.describing.photo_files import PhotoFile, content_of, find_photos, read_photo
from components.errors import DataError, SettingError
from components.runtime.beam import beam_pipeline, unwrapped_errors

logger = logging.getLogger(__name__)

# A worker gets so many photos at once, but there are at least so many such lists.
_PHOTOS_AT_ONCE = 256
_LISTS = 16
# Digits of the model's fingerprint that its captions bear.
_DIGITS = 12


class Outcome(NamedTuple):
    """What a run found.

    Attributes:
        photos: In all.
        before: Of them described by earlier runs.
        errors: In words, of those that can't be described.
    """

    photos: int
    before: int
    errors: list[str]


def caption_to_file(
    sources: Sequence[str],
    output: Path,
    model: Model,
    asked: DecodeOptions,
    *,
    beam_flags: str = "",
) -> Outcome:
    """Describes photos into a file; see `lines` for its format.

    1. A photo that has a line there already, for the same content, is not looked at again. One
       that could not even be read has no content: it is tried again.
    2. Beam's workers describe the others and append each batch's lines, so that a run which is
       killed has lost a batch or two.
    3. At the end the lines are put in order. Photos that are not asked for now keep theirs.

    Args:
        sources: Files and folders, local or in buckets; see `photo_files.find_photos`.
        output: The file, on this machine.
        model: What describes.
        asked: Beam and alternatives; each caption's line tells them, and the model.
        beam_flags: How Beam runs, as on a command line; its workers must see this machine's files.

    Returns:
        How many photos there are, and which can't be described.

    Raises:
        SettingError: If the output holds something else, captions made in another way, or can't
            be written; or a worker does not see it.
        DataError: If a folder holds nothing, or the model is not whole.
        CaptionflowError: If the object store does not answer, or the disk is full.
    """
    # A link stays one: what it leads to is replaced.
    output = output.resolve()
    by = {
        "model": fingerprint_tree(model.directory)[:_DIGITS],
        "beam": asked.beam_width,
        "alternatives": asked.alternatives,
    }
    photos = find_photos(sources, besides=output)
    with sole_writer(output):
        lines = read_lines(output)
        _check_made_alike(lines, by, output)
        begin_anew(output)
        missing = _missing(photos, lines)
        done = {photo.name for photo in photos} - {photo.name for photo in missing}
        before = sum("caption" in lines[name] for name in done)
        if done:
            logger.info("%d of %d photos have their line already", len(done), len(photos))
        if missing:
            _describe(missing, output, model, asked, by, beam_flags)
        lines = put_in_order(output)
    lost = [photo.name for photo in photos if photo.name not in lines]
    if lost:
        raise SettingError(
            "beam_flags must name a runner whose workers share this machine's files. "
            f"Received {beam_flags!r}, and {len(lost)} photos have no line, such as {lost[0]}"
        )
    told = [lines[photo.name] for photo in photos]
    return Outcome(len(photos), before, [line["error"] for line in told if "error" in line])


def _check_made_alike(
    lines: Mapping[str, Mapping[str, Any]], by: Mapping[str, Any], output: Path
) -> None:
    for line in lines.values():
        if "error" not in line and line.get("by") != by:
            raise SettingError(
                f"All captions of a file must be made alike: name another file, or the model, "
                f"--beam and --alternatives of before. {output} has {line.get('by')}. "
                f"Received: {by}"
            )


def _missing(
    photos: Sequence[PhotoFile], lines: Mapping[str, Mapping[str, Any]]
) -> list[PhotoFile]:
    def is_done(photo: PhotoFile) -> bool:
        told = lines.get(photo.name, {}).get("content")
        if told is None:
            return False
        try:
            # What is in a bucket need not be read: its checksum was listed.
            content = photo.checksum or content_of(photo, read_photo(photo))
        except DataError:
            # Gone or unreadable by now: a new line will say so.
            return False
        return bool(told == content)

    with ThreadPoolExecutor() as pool:
        done = pool.map(is_done, photos)
        return [photo for photo, there in zip(photos, done, strict=True) if not there]


def _describe(
    photos: Sequence[PhotoFile],
    output: Path,
    model: Model,
    asked: DecodeOptions,
    by: Mapping[str, Any],
    beam_flags: str,
) -> None:
    shared = Shared()
    # Workers in this process go on with it; and what is wrong with the model is told at once.
    shared.acquire(partial(load_captioner, model, batch_size=BATCH))
    # Batches are made here: full ones, and the same however the runner cuts its bundles.
    batches = min(_PHOTOS_AT_ONCE // BATCH, len(photos) // (_LISTS * BATCH))
    several = max(batches, 1) * BATCH
    lists = [photos[start : start + several] for start in range(0, len(photos), several)]
    step = CaptionPhotos(model, shared, output, asked, by, len(photos))
    with unwrapped_errors(), beam_pipeline(beam_flags) as pipeline:
        _ = (
            pipeline
            | "Photos" >> beam.Create(lists)
            | "Spread" >> beam.Reshuffle()
            | "Describe" >> beam.ParDo(step)
        )
