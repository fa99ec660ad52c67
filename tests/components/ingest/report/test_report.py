from pathlib import Path

import pytest

from components.artifacts.manifest import Photo
from components.ingest.captions.texts import CleanCaptions
from components.ingest.images.checks import ImageCheck
from components.ingest.reading.source import Source
from components.ingest.report.report import build_report, list_left_out, photos_fingerprint
from components.ingest.splits.assignment import SplitAssignment
from components.ingest.splits.own_splits import OwnSplits


def _photo(name: str, split: str, sha256: str = "", captions: tuple[str, ...] = ("A",)) -> Photo:
    return Photo(name, f"/{name}", sha256 or name, 20, 20, split, captions)


_SOURCE = Source(
    layout="flickr-token",
    root=Path(),
    captions={"a": ["A"], "b": ["A"], "no image": ["A"], "hollow": [" "]},
    images={name: Path(name) for name in ("a", "b", "hollow")},
    uncaptioned=["no caption"],
    splits=OwnSplits(
        {"train": frozenset({"a", "ghost"}), "dev": frozenset({"no image"})}, "two lists"
    ),
    loose={"b": "B"},
    notes=["read once"],
)


_LISTS = (
    "quarantined", "captions_without_image", "images_without_caption", "loosely_matched",
    "dropped_leakage", "parent_leakage", "in_no_split", "listed_only", "empty_captions",
    "too_long_captions",
)  # fmt: skip


def test_list_left_out() -> None:
    left_out = list_left_out(
        _SOURCE,
        CleanCaptions({"a": ("A",), "b": ("A",), "no image": ("A",)}, ["hollow"], []),
        [ImageCheck("a", ""), ImageCheck("b", "broken")],
        SplitAssignment(
            {"a": "train"},
            [{"image_id": "x", "same_as": "y", "split": "dev"}],
            ["z"],
            "x",
            ["p"],
        ),
    )
    assert left_out == {
        "quarantined": [{"image_id": "b", "reason": "broken"}],
        "captions_without_image": ["no image"],
        "images_without_caption": ["hollow", "no caption"],
        "loosely_matched": [{"image_id": "b", "file": "B"}],
        "dropped_leakage": [{"image_id": "x", "same_as": "y", "split": "dev"}],
        "parent_leakage": ["p"],
        "in_no_split": ["z"],
        "listed_only": ["ghost"],
        "empty_captions": ["hollow"],
        "too_long_captions": [],
    }


def test_build_report_facts_lists_and_counts(caplog: pytest.LogCaptureFixture) -> None:
    photos = [
        _photo("a", "train", "1", ("One", "Two")),
        _photo("b", "train", "1"),
        _photo("c", "dev", "2"),
        _photo("d", "test", "2"),
        _photo("e", "test", "3"),
    ]
    broken = [
        {"image_id": name, "reason": f"the image does not decode fully: {name}"} for name in "xy"
    ]
    hashes = {"a": "f" * 16, "b": "0" * 16, "c": "00ff" * 4, "d": "00ff" * 4, "e": "0" * 15 + "1"}
    left_out = {key: [] for key in _LISTS} | {"in_no_split": ["x", "y"], "quarantined": broken}
    report = build_report(_SOURCE, photos, hashes, left_out, splits_from="two lists")
    assert report["source"] == "flickr-token"
    assert report["photos"] == 5
    assert report["captions"] == 6
    assert report["splits"] == {"train": 2, "dev": 1, "test": 2}
    assert report["splits_from"] == "two lists"
    assert report["notes"] == ["read once"]
    assert report["words"] == {
        "total": 6, "distinct": 3, "per_caption": 1.0, "unknown_share": 0.0,
        "unspaced_share": 0.0, "lengths": [0, 6],
    }  # fmt: skip
    findings = {finding["kind"]: finding for finding in report["findings"]}
    assert "1.0 words on average, such as 'one'" in findings["few_words"]["text"]
    assert (findings["few_test_photos"]["value"], findings["few_test_photos"]["bound"]) == (2, 200)
    assert (report["language"], report["language_from"]) == ("und", "detected")
    assert report["quarantined_by_reason"] == {"the image does not decode fully": 2}
    assert report["in_no_split"] == ["x", "y"]
    assert report["duplicates"] == [["a", "b"]]
    assert report["same_in_dev_and_test"] == [["c", "d"]]
    assert report["near_duplicates"] == [
        {"image_id": "b", "similar_to": "e", "split": "test", "distance": 1}
    ]
    assert report["summary"][0] == ["photos", "5 (flickr-token)"]
    assert report["counts"] == dict.fromkeys(_LISTS, 0) | {
        "in_no_split": 2,
        "quarantined": 2,
        "duplicates": 1,
        "same_in_dev_and_test": 1,
        "near_duplicates": 1,
    }
    assert caplog.messages[0].startswith("1 photos are in both dev and test, such as c = d")
    assert caplog.messages[1].startswith("1 pairs of photos look alike")
    assert "such as b and e." in caplog.messages[1]
    assert report["dataset_fingerprint"] == photos_fingerprint(photos)
    assert report["test_fingerprint"] == photos_fingerprint(photos[3:])


def test_photos_fingerprint_place_does_not_count() -> None:
    here = [_photo("a", "train"), _photo("b", "dev")]
    there = [here[0], Photo("b", "photos/b", "b", 1, 1, "dev", ("A",))]
    assert photos_fingerprint(here) == photos_fingerprint(there)


def test_photos_fingerprint_data_count() -> None:
    photos = [
        _photo("a", "train"),
        _photo("b", "train", sha256="a"),
        _photo("a", "dev"),
        _photo("a", "train", sha256="x"),
        _photo("a", "train", captions=("B",)),
        _photo("a", "train", captions=("A", "A")),
    ]
    assert len({photos_fingerprint([photo]) for photo in photos}) == len(photos)
