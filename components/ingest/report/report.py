"""Builds `report.json`: what was read, what was left out and why, and the data's fingerprints."""

import logging
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from components.artifacts.fingerprint import fingerprint_list
from components.artifacts.manifest import REPORT_FILE, Photo
from components.errors import one_line
from components.ingest.captions.language import detect_language
from components.ingest.captions.texts import CleanCaptions
from components.ingest.captions.words import count_words
from components.ingest.images.checks import ImageCheck
from components.ingest.reading.source import Source
from components.ingest.report.findings import find_limits
from components.ingest.report.table import summarize
from components.ingest.splits.assignment import SplitAssignment
from components.ingest.splits.by_hash import split_sizes
from components.ingest.splits.leakage import find_duplicates
from components.ingest.splits.near_duplicates import find_near_duplicates
from components.settings.data import SAMPLE

logger = logging.getLogger(__name__)


def list_left_out(
    source: Source, texts: CleanCaptions, checks: Sequence[ImageCheck], assignment: SplitAssignment
) -> dict[str, list[Any]]:
    """Lists everything that was found but is not in the manifest, by reason, and loose matches."""
    listed = frozenset().union(*source.splits.lists.values())
    silent = source.images.keys() - texts.captions.keys()
    return {
        "quarantined": [
            {"image_id": check.image_id, "reason": check.reason} for check in checks if check.reason
        ],
        "captions_without_image": sorted(texts.captions.keys() - source.images.keys()),
        "images_without_caption": sorted([*source.uncaptioned, *silent]),
        "loosely_matched": [
            {"image_id": image_id, "file": file} for image_id, file in sorted(source.loose.items())
        ],
        "dropped_leakage": list(assignment.leaks),
        # Dropped from dev and test, because the parent model was trained on them.
        "parent_leakage": assignment.parent_leaks,
        "in_no_split": assignment.unlisted,
        # In a split list, but without captions.
        "listed_only": sorted(listed - source.captions.keys()),
        "empty_captions": texts.empty,
        "too_long_captions": texts.too_long,
    }


def build_report(
    source: Source,
    photos: Collection[Photo],
    perceptual_hashes: Mapping[str, str],
    left_out: dict[str, list[Any]],
    *,
    splits_from: str,
    language: str = "",
) -> dict[str, Any]:
    """Builds the report of a finished ingest.

    Args:
        source: The data set as it was read.
        photos: All photos of the manifest, ordered by image id.
        perceptual_hashes: Their perceptual hashes by image id.
        left_out: The result of `list_left_out`.
        splits_from: Description of where the splits come from.
        language: The captions' language, a BCP 47 tag; empty to detect it.

    Returns:
        A JSON-serializable dict: facts about the photos; all lists in full; their lengths under
        `counts`; and the rows of the summary table under `summary`.
    """
    splits = {}
    digests = np.empty(len(photos), "S64")
    for place, photo in enumerate(photos):
        splits[photo.image_id] = photo.split
        digests[place] = photo.sha256
    same = find_duplicates(list(splits), digests)
    across = [group for group in same if len({splits[image_id] for image_id in group}) > 1]
    if across:
        logger.warning(
            "%d photos are in both dev and test, such as %s. They are kept, so that scores remain "
            "comparable",
            len(across),
            one_line(" = ".join(across[0])),
        )
    near = find_near_duplicates(splits, perceptual_hashes)
    if near:
        logger.warning(
            "%d pairs of photos look alike, one in train, one in dev or test, such as %s and %s. "
            "They are kept; near_duplicates in %s lists them all",
            len(near),
            one_line(near[0]["image_id"]),
            one_line(near[0]["similar_to"]),
            REPORT_FILE,
        )
    lists = {
        **left_out,
        "duplicates": [group for group in same if group not in across],
        "same_in_dev_and_test": across,
        "near_duplicates": near,
    }
    captions = (caption for photo in photos for caption in photo.captions)
    words, sizes = count_words(photos), split_sizes(splits)
    report = {
        "source": source.layout,
        "photos": len(photos),
        "captions": sum(len(photo.captions) for photo in photos),
        "splits": sizes,
        "splits_from": splits_from,
        "words": words,
        **_language(source, captions, language),
        "findings": find_limits(photos, sizes, words, layout=source.layout),
        "quarantined_by_reason": _by_reason(left_out["quarantined"]),
        "notes": list(source.notes),
        "dataset_fingerprint": photos_fingerprint(photos),
        "test_fingerprint": photos_fingerprint(photo for photo in photos if photo.split == "test"),
        "counts": {name: len(items) for name, items in lists.items()},
        **lists,
    }
    return {"summary": [list(row) for row in summarize(report)], **report}


def _language(source: Source, captions: Iterable[str], given: str) -> dict[str, str]:
    if given:
        return {"language": given, "language_from": "set with --language"}
    if source.layout == SAMPLE:
        # The sample's vocabulary is too small for a language detector.
        return {"language": "en", "language_from": "that of generated captions"}
    return {"language": detect_language(captions), "language_from": "detected"}


def _by_reason(quarantined: Iterable[Mapping[str, str]]) -> dict[str, int]:
    # Details of a single photo follow after a colon or in the last sentence of a reason.
    reasons = Counter(re.split(r": |\. ", item["reason"])[0] for item in quarantined)
    return dict(reasons.most_common())


def photos_fingerprint(photos: Iterable[Photo]) -> str:
    """Returns a SHA-256 (64 hex digits) of photos: their ids, contents, splits and captions.

    Where they are stored does not matter.

    Args:
        photos: The photos, ordered by image id.
    """
    return fingerprint_list(
        (photo.image_id, photo.sha256, photo.split, photo.captions) for photo in photos
    )
