from pathlib import Path

import pytest

from components.artifacts.dataset_summary import DatasetSummary, summarize_manifest
from components.artifacts.files import write_json
from components.errors import DataError

_SUMMARY = DatasetSummary("d1", 7, 35, {"train": 5, "dev": 1, "test": 1})
_REPORT = {
    "dataset_fingerprint": "d1",
    "photos": 7,
    "captions": 35,
    "splits": {"train": 5, "dev": 1, "test": 1},
    "notes": [],
}


def test_summarize_manifest_takes_fingerprint_and_sizes(tmp_path: Path) -> None:
    write_json(tmp_path / "report.json", _REPORT)
    assert summarize_manifest(tmp_path) == _SUMMARY


def test_summary_survives_json() -> None:
    assert DatasetSummary.from_json(_SUMMARY.to_json()) == _SUMMARY


@pytest.mark.parametrize("text", ["", "{", "{}", '{"dataset_fingerprint": "d1"}', "[1]"])
def test_summarize_manifest_with_a_damaged_report_says_what_to_do(
    tmp_path: Path, text: str
) -> None:
    (tmp_path / "report.json").write_text(text)
    with pytest.raises(DataError, match=r"report\.json is missing or damaged.*--no-cache"):
        summarize_manifest(tmp_path)


def test_summarize_manifest_without_a_report_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"report\.json is missing .*--no-cache"):
        summarize_manifest(tmp_path)
