"""Captions whole folders with Beam into a JSON Lines file, and resumes a run that was stopped."""

import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from apache_beam.utils.shared import Shared

from components.artifacts.checksums import checksums_fingerprint
from components.captioning.inference.captioner import Captioner
from components.describing.captions import (
    LoadedPhoto,
    caption_photos,
    load_captioner,
    load_photo,
)
from components.describing.drift import keep_features
from components.describing.jsonl import (
    append_lines,
    end_partial_line,
    locked_output,
    read_lines,
    sort_lines,
)
from components.describing.model import DecodeOptions, Model
from components.describing.photo_files import PhotoFile, find_photos, photo_checksum, read_photo
from components.errors import DataError, SettingError
from components.runtime.beam_batches import BatchDoFn, run_in_batches
from components.settings.beam_flags import temp_location

logger = logging.getLogger(__name__)

# Photos per batch.
_BATCH_SIZE = 32
# Leading digits of the model's fingerprint in each line.
_DIGITS = 12


class Outcome(NamedTuple):
    """The result of a run.

    Attributes:
        photos: Number of photos.
        already_done: Of these, the number that earlier runs described.
        errors: Error messages, one for each photo that could not be described.
    """

    photos: int
    already_done: int
    errors: list[str]


class CaptionPhotos(BatchDoFn[PhotoFile, LoadedPhoto, Captioner]):
    """Captions photos, and appends a line for each to the output file, batch by batch.

    Args:
        model: The model's files.
        shared: Beam's handle of the captioner that a process shares.
        output: The output file.
        options: Decoding options.
        provenance: Model and options, for each caption's line.
        total: Photos in all, for the log.
        features: Folder to keep the photos' features in; None: they are not kept.
    """

    def __init__(
        self,
        model: Model,
        shared: Shared,
        output: Path,
        options: DecodeOptions,
        provenance: Mapping[str, Any],
        total: int,
        features: str | None = None,
    ) -> None:
        super().__init__(shared, batch_size=_BATCH_SIZE, total=total)
        self._model = model
        self._output = output
        self._options = options
        self._provenance = dict(provenance)
        self._features = features

    def load_model(self) -> Captioner:
        """Loads the captioner; raises as `load_captioner` and `keep_features`."""
        captioner = load_captioner(self._model, batch_size=self.batch_size)
        if self._features is not None:
            # One file per batch, because a worker may end at any time.
            keep_features(captioner, self._features, photos=1)
        return captioner

    def load_item(self, item: PhotoFile, model: Captioner) -> LoadedPhoto:
        """Reads and decodes a photo; raises as `load_photo`."""
        return load_photo(item, model)

    def process(self, element: Sequence[PhotoFile]) -> None:
        """Captions a list of photos.

        Args:
            element: Photos to caption.

        Raises:
            SettingError: If a bucket can't be used.
            CaptionflowError: If the object store does not answer, or the output can't be written.
        """
        for _, photos in self.batches(element):
            lines = caption_photos(self.model, photos, self._options)
            append_lines(
                self._output,
                [
                    line if "error" in line else {**line, "provenance": self._provenance}
                    for line in lines
                ],
            )


def caption_to_file(
    sources: Sequence[str],
    output: Path,
    model: Model,
    options: DecodeOptions,
    *,
    beam_flags: str = "",
    features: str | None = None,
) -> Outcome:
    """Captions photos into a file; see `jsonl` for its format.

    1. A photo whose line has the checksum of its present content is skipped. A photo that could
       not be read has no checksum, and is tried again.
    2. Beam's workers caption the others and append the lines of each batch, so a run that is
       killed loses a batch or two.
    3. At the end the lines are sorted. Lines of photos that are not among the sources stay.

    Args:
        sources: Files and folders, local or in buckets; see `photo_files.find_photos`.
        output: The output file, on this machine.
        model: The model that captions.
        options: Decoding options; they are part of each caption's line, and so is the model.
        beam_flags: Flags of Beam's runner, as on a command line; its workers must see this
            machine's files.
        features: Folder to keep the features of newly described photos in; None: they are not kept.

    Returns:
        The number of photos, and an error for each that could not be described.

    Raises:
        SettingError: If the output can't be written, has other content, or captions of another
            model or other options; or if a worker does not see it.
        DataError: If a folder has no files, or the model is incomplete.
        CaptionflowError: If the object store does not answer, or the disk is full.
    """
    if temp_location(beam_flags):
        raise SettingError(
            "--beam-flags must not have --temp_location here: the workers of `caption` append to "
            f"the output on this machine. Received: {beam_flags!r}"
        )
    # If it is a symbolic link, its target is replaced, not the link.
    output = output.resolve()
    provenance = {
        "model": checksums_fingerprint(model.directory)[:_DIGITS],
        "beam_width": options.beam_width,
        "alternatives": options.alternatives,
    }
    photos = find_photos(sources, besides=output)
    with locked_output(output):
        lines = read_lines(output)
        _require_same_provenance(lines, provenance, output)
        end_partial_line(output)
        missing = _find_missing(photos, lines)
        done = {photo.name for photo in photos} - {photo.name for photo in missing}
        already_done = sum("caption" in lines[name] for name in done)
        if done:
            logger.info("Skipping %d of %d photos, which are done already", len(done), len(photos))
        if missing:
            step = CaptionPhotos(
                model, Shared(), output, options, provenance, len(missing), features
            )
            run_in_batches(step, missing, beam_flags)
        lines = sort_lines(output)
    lost = [photo.name for photo in photos if photo.name not in lines]
    if lost:
        raise SettingError(
            "beam_flags must name a runner whose workers share this machine's files. "
            f"Received {beam_flags!r}, and {len(lost)} photos have no line, such as {lost[0]}"
        )
    errors = [lines[photo.name]["error"] for photo in photos if "error" in lines[photo.name]]
    return Outcome(len(photos), already_done, errors)


def _require_same_provenance(
    lines: Mapping[str, Mapping[str, Any]], provenance: Mapping[str, Any], output: Path
) -> None:
    for line in lines.values():
        if "error" not in line and line.get("provenance") != provenance:
            raise SettingError(
                "All captions of a file must come from one model with the same --beam and "
                f"--alternatives: name another file, or use those of {output}, "
                f"{line.get('provenance')}. Received: {provenance}"
            )


def _find_missing(
    photos: Sequence[PhotoFile], lines: Mapping[str, Mapping[str, Any]]
) -> list[PhotoFile]:
    def is_missing(photo: PhotoFile) -> bool:
        recorded = lines.get(photo.name, {}).get("checksum")
        if recorded is None:
            return True
        try:
            # A bucket lists checksums, so its photos need not be read.
            current = photo.checksum or photo_checksum(photo, read_photo(photo))
        except DataError:
            # It could be read earlier; its new line will contain the error.
            return True
        return bool(recorded != current)

    with ThreadPoolExecutor() as pool:
        missing = pool.map(is_missing, photos)
        return [photo for photo, is_due in zip(photos, missing, strict=True) if is_due]
