import pytest

from components.errors import DataError
from components.ingest.images.checks import ImageCheck
from components.ingest.images.quarantine import refuse_quarantined

_FAILED = [ImageCheck(f"{n}.jpg", "broken") for n in range(4)]


def test_refuse_quarantined_more_than_the_share() -> None:
    with pytest.raises(DataError) as caught:
        refuse_quarantined(_FAILED, 20, 0.19)
    facts = ("4 of 20", "0.2", "max_quarantined is 0.19", "2.jpg: broken; and 1 more")
    for fact in facts:
        assert fact in str(caught.value)


def test_refuse_quarantined_up_to_the_share() -> None:
    refuse_quarantined(_FAILED, 20, 0.2)


def test_refuse_quarantined_none_failed() -> None:
    refuse_quarantined([], 16, 0.0)
