import os
from pathlib import Path

import pytest

from components.errors import DataError
from components.ingest.reading.missing import refuse_missing, refuse_undecodable


def test_refuse_missing_more_than_the_share_names_both_sides() -> None:
    with pytest.raises(DataError) as caught:
        refuse_missing({"c.jpg", "a.jpg"}, 8, ["IMG_1.png"], 0.2)
    message = str(caught.value)
    for fact in ("2 of 8 captioned photos", "0.25", "max_missing is 0.2", "'a.jpg', 'c.jpg'"):
        assert fact in message
    assert "'IMG_1.png'" in message


def test_refuse_missing_up_to_the_share_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    refuse_missing({"a.jpg"}, 5, [], 0.2)
    assert "1 of 5 captioned photos are missing" in caplog.text


def test_refuse_missing_none(caplog: pytest.LogCaptureFixture) -> None:
    refuse_missing(set(), 5, ["b.jpg"], 0.0)
    assert not caplog.text


def test_refuse_undecodable_names_the_path_and_the_remedy() -> None:
    refuse_undecodable([Path("/data/Bücher/a.jpg")])
    with pytest.raises(DataError, match=r"paths of 1 photos are not UTF-8.*B\\udcfccher.*convmv"):
        refuse_undecodable([Path(os.fsdecode(b"/data/B\xfccher/a.jpg"))])
