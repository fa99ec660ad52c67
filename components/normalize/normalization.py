"""Builds the captions artifact from a manifest."""

import logging
import tempfile
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from components.artifacts.captions import (
    TRANSFORM_DIRECTORY,
    VOCABULARY_FILE,
    CaptionedPhoto,
    write_captions,
)
from components.artifacts.files import atomic_directory, write_json
from components.artifacts.manifest import REPORT_FILE, SPLITS, ManifestPhotos, Photo
from components.captioning.model.normalizer import NORMALIZER
from components.captioning.model.unusual_captions import explain_typed_tokens
from components.captioning.model.vocabulary import SPECIAL_TOKENS, Vocabulary
from components.errors import DataError
from components.normalize.report import caption_report, report_lines
from components.normalize.transform import Caption, transform_captions

logger = logging.getLogger(__name__)

# Photos whose results are dictionaries at once.
_BATCH = 1 << 12


def normalize_captions(
    manifest: str | Path, directory: str | Path, *, min_count: int, beam_flags: str = ""
) -> dict[str, Any]:
    """Writes the captions artifact: token ids, references, vocabulary and TFT graph.

    The vocabulary is learned from the train split only. Captions without a word are dropped, and so
    are photos without any other caption; the report lists them.

    Args:
        manifest: The directory of the manifest artifact.
        directory: Output directory of the artifact, see `artifacts.captions`.
        min_count: Minimum number of occurrences of a word in the train split, from 1.
        beam_flags: Flags of Beam's runner, see `runtime.beam`.

    Returns:
        The report, as in `report.json`; see `caption_report`.

    Raises:
        DataError: If no word occurs that often, or the train split has no captions.
    """
    photos = ManifestPhotos(manifest)
    train_captions = sum(len(photo.captions) for photo in photos if photo.split == "train")
    if not train_captions:
        raise DataError(
            f"The train split must have captions, from which the vocabulary is learned: {manifest}"
        )
    with (
        atomic_directory(directory) as aside,
        tempfile.TemporaryDirectory(prefix="captionflow-normalize-") as temporary,
    ):
        words, results = transform_captions(
            _captions(photos, ("train",)),
            _captions(photos, SPLITS),
            aside / TRANSFORM_DIRECTORY,
            min_count=min_count,
            beam_flags=beam_flags,
            temporary=Path(temporary),
        )
        if len(words) == len(SPECIAL_TOKENS):
            raise DataError(
                "The vocabulary must have at least one word, but none occurs often enough in the "
                f"{train_captions} train captions: lower min_count. Received: {min_count}"
            )
        vocabulary = Vocabulary(words)
        vocabulary.save(aside / VOCABULARY_FILE)
        NORMALIZER.save(aside)
        normalised = _captioned_photos(ManifestPhotos(manifest, captions=False), results)
        write_captions(aside, normalised)
        report = caption_report(photos, normalised, vocabulary, min_count)
        write_json(aside / REPORT_FILE, report)
    _log(report)
    return report


def _captions(photos: Iterable[Photo], splits: Collection[str]) -> Iterator[Caption]:
    return (
        Caption(number, position, text)
        for number, photo in enumerate(photos)
        if photo.split in splits
        for position, text in enumerate(photo.captions)
    )


def _captioned_photos(photos: Iterable[Photo], results: Path) -> list[CaptionedPhoto]:
    known = [(photo.image_id, photo.split) for photo in photos]
    captioned = []
    for part in sorted(results.iterdir()):
        for batch in pq.ParquetFile(part).iter_batches(_BATCH):
            for row in batch.to_pylist():
                image_id, split = known[row["photo"]]
                tokens = tuple(tuple(ids) for ids in row["tokens"])
                captioned.append(CaptionedPhoto(image_id, split, tuple(row["references"]), tokens))
    return captioned


def _log(report: dict[str, Any]) -> None:
    for line in report_lines(report):
        logger.info("%s", line)
    if report["captions_emptied"]:
        logger.info(
            "Dropped %d captions without a word, and %d photos that had no other caption",
            report["captions_emptied"],
            len(report["photos_without_caption"]),
        )
    for warning in (explain_typed_tokens(report["typed_tokens"]), report["few_words"]):
        if warning:
            logger.warning("%s", warning)
