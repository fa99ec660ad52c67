"""A manifest in a few numbers: small enough to pass between steps as a parameter."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from components.artifacts.files import read_json
from components.artifacts.language import UNDETERMINED
from components.artifacts.manifest import REPORT_FILE
from components.errors import DataError


@dataclass(frozen=True, slots=True)
class DatasetSummary:
    """The content of a manifest in numbers.

    Attributes:
        fingerprint: SHA-256 of photos, captions and splits, 64 hex digits.
        photos: Number of photos.
        captions: Number of captions.
        splits: Number of photos by split.
        language: The captions' language, a BCP 47 tag.
    """

    fingerprint: str
    photos: int
    captions: int
    splits: Mapping[str, int]
    language: str = UNDETERMINED

    @classmethod
    def from_json(cls, text: str) -> "DatasetSummary":
        """Reads what `to_json` wrote."""
        return cls(**json.loads(text))

    def to_json(self) -> str:
        """Returns the summary as a line of JSON."""
        return json.dumps(asdict(self))


def summarize_manifest(directory: str | Path) -> DatasetSummary:
    """Returns the summary of a manifest artifact.

    Args:
        directory: The artifact; its report has the numbers.

    Raises:
        DataError: If the report is missing or damaged.
    """
    file = Path(directory) / REPORT_FILE
    try:
        report = read_json(file)
        return DatasetSummary(
            fingerprint=report["dataset_fingerprint"],
            photos=report["photos"],
            captions=report["captions"],
            splits=report["splits"],
            language=report.get("language", UNDETERMINED),
        )
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise DataError(
            f"{file} is missing or damaged: run again with --no-cache. Received: {error!r}"
        ) from error
