from pathlib import Path

import pytest

from components.errors import DataError
from components.ingest.check import check_dataset
from components.settings.data import DataSettings


def test_check_dataset_reports_and_leaves_the_data_set_as_it_is(flickr8k: Path) -> None:
    before = sorted(flickr8k.rglob("*"))
    report = check_dataset(DataSettings(dataset=str(flickr8k)))
    assert report["splits"] == {"train": 4, "dev": 1, "test": 1}
    assert sorted(flickr8k.rglob("*")) == before


def test_check_dataset_fails_as_ingest_does(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="No captions were recognised"):
        check_dataset(DataSettings(dataset=str(tmp_path)))
