import pytest

from components.artifacts.report import PLACES, fill_places, place
from components.errors import DataError

PAGE = f"<h1>{place('model')}</h1><p>{place('drift')}</p>"


def test_fill_places_escapes_the_text() -> None:
    page = fill_places(PAGE, {"drift": "p < 0.01 & n = 412"})
    assert "p &lt; 0.01 &amp; n = 412" in page
    assert PLACES["drift"] not in page
    assert PLACES["model"] in page


def test_fill_places_again_replaces_the_text() -> None:
    once = fill_places(PAGE, {"model": "first <!-- /drift -->"})
    assert fill_places(once, {"model": "second"}) == fill_places(PAGE, {"model": "second"})


def test_fill_places_of_a_page_without_the_place_is_an_error() -> None:
    with pytest.raises(DataError, match="place for champion"):
        fill_places(PAGE, {"champion": "v1"})
