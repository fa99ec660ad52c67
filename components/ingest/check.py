"""Ingest's checks alone: what a data set holds, before hours of work go into it."""

import tempfile
from pathlib import Path
from typing import Any

from components.ingest.run import ingest_dataset


def check_dataset(dataset: str, **settings: Any) -> dict[str, Any]:
    """Reads, checks and splits a data set as `ingest` does, and keeps nothing of it.

    Args:
        dataset: As for `ingest_dataset`.
        **settings: Its other settings.

    Returns:
        The report, for `report_table`.

    Raises:
        DataError, SettingError: As `ingest_dataset`.
    """
    with tempfile.TemporaryDirectory(prefix="captionflow-") as folder:
        return ingest_dataset(dataset, Path(folder) / "manifest", **settings)
