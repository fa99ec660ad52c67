from typing import Any

import pytest

from components.artifacts.manifest import Photo
from components.ingest.captions.words import Words
from components.ingest.report.findings import MIN_PHOTOS, find_limits

_PHOTO = Photo("a", "a", "a", 9, 9, "test", ("a brown dog runs", "a dog on grass"))
_WORDS = Words(
    total=80, distinct=9, per_caption=4.0, unknown_share=0.05, unspaced_share=0.0,
    lengths=[0, 0, 0, 0, 20],
)  # fmt: skip


def _found(photo: Photo = _PHOTO, words: Words = _WORDS, **sizes: int) -> dict[str, Any]:
    found = find_limits([photo], {**MIN_PHOTOS, **sizes}, words, layout="csv")
    return {finding["kind"]: finding for finding in found}


def test_find_limits_of_sufficient_data_are_none() -> None:
    assert _found() == {}


@pytest.mark.parametrize("split", ["train", "dev", "test"])
def test_find_limits_counts_photos_of_each_split(split: str) -> None:
    found = _found(**{split: 8})
    (only,) = found.values()
    assert only["kind"] == f"few_{split}_photos"
    assert (only["value"], only["bound"]) == (8, MIN_PHOTOS[split])
    assert f"8 {split} photos" in only["text"]
    assert f"{MIN_PHOTOS[split]:,}" in only["text"]
    assert "1 " + split + " photo:" in _found(**{split: 1})[only["kind"]]["text"]


def test_find_limits_names_unknown_words_and_single_references() -> None:
    found = _found(
        Photo("a", "a", "a", 9, 9, "test", ("a brown dog runs",)),
        Words(**{**_WORDS, "unknown_share": 0.241}),
    )
    assert set(found) == {"unknown_words", "few_references"}
    assert found["unknown_words"]["text"].startswith("24% of the words")
    assert found["few_references"]["text"].startswith("1.0 captions per test photo")


def test_find_limits_of_drawn_scenes_are_only_unusual_captions() -> None:
    words = Words(**{**_WORDS, "total": 2, "per_caption": 1.0, "unknown_share": 0.9})
    photo = Photo("a", "a", "a", 9, 9, "test", ("<start> dog", "cat"))
    splits = dict.fromkeys(MIN_PHOTOS, 1)
    found = find_limits([photo], splits, words, layout="sample")
    assert [finding["kind"] for finding in found] == ["typed_tokens", "few_words"]
