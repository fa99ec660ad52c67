import pytest

from components.artifacts.report import DRIFT_PLACE, add_drift
from components.errors import DataError

PAGE = f"<dl>{DRIFT_PLACE}</dl>"


def test_add_drift_escapes_the_outcome() -> None:
    row = "<div><dt>Drift</dt><dd>p &lt; 0.01 &amp; n = 412</dd></div>"
    assert add_drift(PAGE, "p < 0.01 & n = 412") == f"<dl>{row}</dl>"


def test_add_drift_without_a_test_adds_nothing() -> None:
    assert add_drift(PAGE, "") == PAGE
    assert add_drift("<p>", "") == "<p>"


def test_add_drift_to_a_page_without_a_place_is_an_error() -> None:
    with pytest.raises(DataError, match=DRIFT_PLACE):
        add_drift("<p>", "p = 0.003")
