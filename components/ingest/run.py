"""Reads a data set and writes a manifest.

1. Find the data set's files and read its layout, or draw `sample`.
2. Drop empty and overlong captions; stop if too many captioned photos are missing.
3. Check every captioned photo with Beam; quarantine those that fail, and record the reason.
4. Use the data set's own splits, else split by a hash of each photo's content. Drop photos from
   train that are also in dev or test, and photos from dev and test that the parent model was
   trained on.
5. Write the manifest and the report, and move temporary photos into the artifact.
"""

import logging
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from components.artifacts.files import atomic_directory, write_json
from components.artifacts.manifest import (
    PHOTOS_DIRECTORY,
    REPORT_FILE,
    ManifestPhotos,
    Photo,
    write_manifest,
)
from components.errors import DataError
from components.ingest.captions.texts import clean_captions
from components.ingest.files.mapped import Mapped
from components.ingest.images.beam_checks import check_images
from components.ingest.images.checks import ImageCheck
from components.ingest.images.quarantine import refuse_quarantined
from components.ingest.reading.explanations import nothing_matched
from components.ingest.reading.missing import refuse_missing, refuse_undecodable
from components.ingest.reading.sources import read_source
from components.ingest.report.report import build_report, list_left_out
from components.ingest.report.table import table_lines
from components.ingest.sample.dataset import draw_sample
from components.ingest.splits.assignment import assign_splits
from components.settings.beam_flags import temp_location
from components.settings.data import SAMPLE, DataSettings

if TYPE_CHECKING:
    from components.artifacts.training_photos import TrainingPhotos

logger = logging.getLogger(__name__)


def ingest_dataset(settings: DataSettings, directory: str | Path) -> dict[str, Any]:
    """Writes the manifest of a data set; see the steps at the top of this file.

    Args:
        settings: The data set and its splits.
        directory: Where the manifest artifact is written, whole or not at all.

    Returns:
        The report, as in `report.json`.

    Raises:
        DataError: If the data break a rule: no known layout, a hostile archive, broken captions,
            too many photos missing or quarantined, or an empty split.
        SettingError: If the data set's URL has an unknown scheme.
    """
    # The work folder is deleted before the artifact is complete, so it never ends up in it.
    with atomic_directory(directory) as aside, tempfile.TemporaryDirectory(dir=aside) as temporary:
        work = Path(temporary)
        if settings.dataset == SAMPLE:
            source = draw_sample(work / SAMPLE, scenes=settings.scenes, seed=settings.seed)
        else:
            # With a temp location, Beam's workers and later steps read photos from their bucket.
            leave_photos = bool(temp_location(settings.beam_flags))
            source = read_source(settings.dataset, work, leave_photos=leave_photos)
        texts = clean_captions(source.captions)
        image_ids = sorted(name for name in source.images if name in texts.captions)
        if not image_ids:
            raise DataError(nothing_matched(source, texts.captions, settings.dataset))
        missing = texts.captions.keys() - source.images.keys()
        refuse_missing(missing, len(texts.captions), source.uncaptioned, settings.max_missing)
        refuse_undecodable(source.images[image_id] for image_id in image_ids)

        # Computed when needed: a million photos have a million paths.
        root = source.root
        uris = Mapped(source.images, lambda path: path.relative_to(root).as_posix())
        base = source.uri or str(root)
        checks = check_images(
            image_ids,
            Mapped(uris, lambda uri: f"{base}/{uri}"),
            work,
            settings.beam_flags,
            store=settings.store,
            versions=source.versions,
        )
        failed, passed = checks.failed(), checks.passed()
        refuse_quarantined(failed, len(checks), settings.max_quarantined)
        parent = _parent_photos(settings.start_from) if settings.start_from else None
        assignment = assign_splits(
            passed.each("sha256"),
            source.splits,
            seed=settings.seed,
            dev_share=settings.dev_share,
            test_share=settings.test_share,
            parent=parent,
        )
        left_out = list_left_out(source, texts, failed, assignment)

        in_split = sorted(assignment.splits)
        photos = (
            _photo(
                passed[image_id],
                uris[image_id],
                assignment.splits[image_id],
                texts.captions[image_id],
            )
            for image_id in in_split
        )
        if not source.uri and root.is_relative_to(work):
            base = PHOTOS_DIRECTORY
            kept = (uris[image_id] for image_id in in_split)
            _move_photos(kept, root, aside / PHOTOS_DIRECTORY)
        write_manifest(aside, photos, base)
        # From here on, captions are read from the manifest: they need not stay in memory.
        source = replace(source, captions={}, images={})
        del texts, photos, uris, in_split
        report = build_report(
            source,
            ManifestPhotos(aside),
            passed.each("perceptual_hash"),
            left_out,
            splits_from=assignment.origin,
            language=settings.language,
        )
        write_json(aside / REPORT_FILE, report)
    for line in table_lines(report):
        logger.info("  %s", line)
    return report


def _parent_photos(start_from: str) -> "TrainingPhotos":
    # Imported here because importing MLflow takes seconds, and nothing else in ingest needs it.
    from components.registry.parents import parent_photos

    return parent_photos(start_from)


def _photo(check: ImageCheck, uri: str, split: str, captions: Sequence[str]) -> Photo:
    size = check.width, check.height
    return Photo(check.image_id, uri, check.sha256, *size, split, tuple(captions))


def _move_photos(uris: Iterable[str], root: Path, directory: Path) -> None:
    """Moves photos that this run unpacked, copied or drew into the artifact."""
    for uri in uris:
        (directory / uri).parent.mkdir(parents=True, exist_ok=True)
        (root / uri).rename(directory / uri)
