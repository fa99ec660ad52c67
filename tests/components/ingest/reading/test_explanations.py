from pathlib import Path

import pytest

from components.ingest.reading.explanations import nothing_matched, why_unmatched
from components.ingest.reading.source import Source


def _source(names: list[str], there: list[str]) -> Source:
    captions = {name: ["A dog"] for name in names}
    return Source("csv", Path(), captions, {}, uncaptioned=there)


@pytest.mark.parametrize(
    ("names", "there", "facts"),
    [
        (["a.jpg"], [], ["'a.jpg'", "no photos", "Put the photos into"]),
        (["x/a.jpg"], ["Images/a.jpg"], ["folders differ", "'x/a.jpg'", "'Images/a.jpg'"]),
        (["a"], ["a.jpg", "a.png"], ["not clear", "'a.jpg'", "'a.png'"]),
        (["image_id 7"], ["a.jpg"], ["`image_id`", "'image_id 7'", "'a.jpg'"]),
        (["a.jpg"], ["IMG_1.jpg"], ["another data set", "'a.jpg'", "'IMG_1.jpg'"]),
    ],
)
def test_nothing_matched_says_why(names: list[str], there: list[str], facts: list[str]) -> None:
    source = _source(names, there)
    message = nothing_matched(source, source.captions, "mine")
    for fact in ("mine", *facts):
        assert fact in message


def test_nothing_matched_where_all_captions_are_empty() -> None:
    message = nothing_matched(_source(["a.jpg", "b.jpg"], ["a.jpg"]), {}, "mine")
    assert "captions of 2 photos, and all of them are empty" in message


def test_why_unmatched_without_other_files() -> None:
    assert why_unmatched(["a.jpg"], []) == "Add the photos that are missing"
