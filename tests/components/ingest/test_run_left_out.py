"""What a manifest leaves out, and the limits beyond which a run stops."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components.artifacts.manifest import read_manifest
from components.errors import DataError

Ingest = Callable[..., dict[str, Any]]


def test_ingest_dataset_most_photos_missing(ingest: Ingest, kaggle: Path, tmp_path: Path) -> None:
    for number in range(9):
        (kaggle / "Images" / f"0{number}.jpg").unlink()
    with pytest.raises(DataError, match=r"9 of 40 captioned photos .*'00.jpg', '01.jpg'"):
        ingest(kaggle)
    assert not (tmp_path / "out").exists()
    report = ingest(kaggle, max_missing=0.25)
    assert report["photos"] == 31
    assert len(report["captions_without_image"]) == 9


def test_ingest_dataset_in_a_folder_whose_name_is_not_utf8(ingest: Ingest, kaggle: Path) -> None:
    (kaggle / "Images").rename(kaggle / os.fsdecode(b"B\xfccher"))
    with pytest.raises(DataError, match=r"40 photos are not UTF-8.*Rename"):
        ingest(kaggle)


def test_ingest_dataset_quarantines_one_by_one(
    ingest: Ingest, kaggle: Path, encode: Callable[..., bytes]
) -> None:
    broken = {
        "00.jpg": encode(size=(64, 64))[:-100],
        "01.jpg": b"",
        "02.jpg": b"a text that was renamed",
    }
    sound = {
        "03.jpg": encode(3, format="PNG"),
        "04.jpg": encode(4, "CMYK"),
        "05.jpg": encode(5, "L"),
    }
    for name, content in {**broken, **sound}.items():
        (kaggle / "Images" / name).write_bytes(content)
    report = ingest(kaggle, max_quarantined=0.1)
    assert report["photos"] == 37
    reasons = {item["image_id"]: item["reason"] for item in report["quarantined"]}
    assert reasons.keys() == broken.keys()
    assert reasons["00.jpg"].startswith("the image does not decode fully")
    assert "empty" in reasons["01.jpg"]
    assert "not an image" in reasons["02.jpg"]


def test_ingest_dataset_quarantined_share_exceeded(
    ingest: Ingest, kaggle: Path, tmp_path: Path
) -> None:
    for number in range(3):
        (kaggle / "Images" / f"0{number}.jpg").write_bytes(b"")
    with pytest.raises(
        DataError, match=r"^3 of 40 .* 0\.075, but max_quarantined is 0\.05\. 00\.jpg: "
    ):
        ingest(kaggle, max_quarantined=0.05)
    assert not (tmp_path / "out").exists()
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_ingest_dataset_leakage_leaves_train(
    ingest: Ingest, flickr8k: Path, tmp_path: Path
) -> None:
    images = flickr8k / "Flicker8k_Dataset"
    (images / "a.jpg").write_bytes((images / "f.jpg").read_bytes())
    (images / "c.jpg").write_bytes((images / "b.jpg").read_bytes())
    report = ingest(flickr8k)
    assert report["dropped_leakage"] == [{"image_id": "a.jpg", "same_as": "f.jpg", "split": "test"}]
    assert report["duplicates"] == [["b.jpg", "c.jpg"]]
    assert report["splits"] == {"train": 3, "dev": 1, "test": 1}
    assert "a.jpg" not in {photo.image_id for photo in read_manifest(tmp_path / "out")}


def test_ingest_dataset_same_in_dev_and_test_stays(ingest: Ingest, flickr8k: Path) -> None:
    images = flickr8k / "Flicker8k_Dataset"
    (images / "e.jpg").write_bytes((images / "f.jpg").read_bytes())
    report = ingest(flickr8k)
    assert report["splits"] == {"train": 4, "dev": 1, "test": 1}
    assert report["same_in_dev_and_test"] == [["e.jpg", "f.jpg"]]


def test_ingest_dataset_reports_what_does_not_match(
    ingest: Ingest, flickr8k: Path, encode: Callable[..., bytes]
) -> None:
    with (flickr8k / "Flickr8k.token.txt").open("a") as captions:
        captions.write("gone.jpg#0\tA photo nobody has .\nhollow.jpg#0\t  \n")
        captions.write("spare.jpg#0\tA photo in no list .\n")
    for number, name in enumerate(("hollow", "spare", "mute"), start=90):
        (flickr8k / "Flicker8k_Dataset" / f"{name}.jpg").write_bytes(encode(number))
    report = ingest(flickr8k)
    assert report["captions_without_image"] == ["gone.jpg"]
    assert report["images_without_caption"] == ["Flicker8k_Dataset/mute.jpg", "hollow.jpg"]
    assert report["empty_captions"] == ["hollow.jpg"]
    assert report["in_no_split"] == ["spare.jpg"]
    assert report["photos"] == 6
    assert report["quarantined"] == []


def test_ingest_dataset_without_images(ingest: Ingest, flickr8k: Path) -> None:
    (flickr8k / "Flicker8k_Dataset").rename(flickr8k.parent / "lost")
    with pytest.raises(DataError, match=r"captions of 6 photos, such as 'a.jpg', but no photos"):
        ingest(flickr8k)
