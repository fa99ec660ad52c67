"""Runs only the checks of ingest, to show what a data set contains before a long run."""

import tempfile
from pathlib import Path
from typing import Any

from components.ingest.run import ingest_dataset
from components.settings.data import DataSettings


def check_dataset(settings: DataSettings) -> dict[str, Any]:
    """Reads, checks and splits a data set as `ingest` does, but keeps only the report.

    Args:
        settings: The data set and its splits.

    Returns:
        The report, for `report_table`.

    Raises:
        DataError, SettingError: As `ingest_dataset`.
    """
    # A check changes nothing, so it keeps nothing in the store either.
    settings = settings.model_copy(update={"store": ""})
    with tempfile.TemporaryDirectory(prefix="captionflow-") as folder:
        return ingest_dataset(settings, Path(folder) / "manifest")
