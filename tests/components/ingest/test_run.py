import json
import os
import shutil
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components.artifacts.manifest import read_manifest
from components.errors import DataError, SettingError
from components.ingest.run import ingest_dataset
from components.settings.data import DataSettings

Ingest = Callable[..., dict[str, Any]]


@pytest.fixture
def ingest(tmp_path: Path) -> Ingest:
    def run(dataset: object, directory: str = "out", **changed: Any) -> dict[str, Any]:
        settings = {
            "scenes": 20,
            "seed": 0,
            "dev_share": 0.3,
            "test_share": 0.3,
            "max_quarantined": 0.0,
            "beam_flags": "",
        }
        return ingest_dataset(
            DataSettings.check({"dataset": str(dataset), **settings, **changed}),
            tmp_path / directory,
        )

    return run


def test_ingest_dataset_of_a_folder_leaves_photos_there(
    ingest: Ingest, flickr8k: Path, tmp_path: Path
) -> None:
    report = ingest(flickr8k)
    assert report["splits"] == {"train": 4, "dev": 1, "test": 1}
    assert report == json.loads((tmp_path / "out" / "report.json").read_text())
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "SHA256SUMS",
        "manifest.parquet",
        "report.json",
    ]
    photos = read_manifest(tmp_path / "out")
    assert [photo.image_id for photo in photos] == [f"{letter}.jpg" for letter in "abcdef"]
    assert photos[4].uri == str(flickr8k / "Flicker8k_Dataset" / "e.jpg")
    assert photos[4].split == "dev"
    assert photos[4].captions == ("Photo e , number 0 .", "Photo e , number 1 .")
    assert (photos[4].width, photos[4].height) == (24, 20)


def test_ingest_dataset_of_an_archive_carries_what_passed(
    ingest: Ingest, flickr8k: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = flickr8k / "Flicker8k_Dataset"
    (images / "b.jpg").write_bytes(b"")
    (images / "no caption.jpg").write_bytes((images / "a.jpg").read_bytes())
    with tarfile.open(tmp_path / "data.tar.gz", "w:gz") as archive:
        archive.add(flickr8k, "data")
    report = ingest(tmp_path / "data.tar.gz", max_quarantined=0.2)
    assert report["quarantined"] == [{"image_id": "b.jpg", "reason": "the file is empty (0 bytes)"}]
    assert report["images_without_caption"] == ["Flicker8k_Dataset/no caption.jpg"]
    carried = sorted(path.name for path in (tmp_path / "out" / "photos").rglob("*.jpg"))
    assert carried == ["a.jpg", "c.jpg", "d.jpg", "e.jpg", "f.jpg"]
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "SHA256SUMS",
        "manifest.parquet",
        "report.json",
        "photos",
    }
    # The artifact travels: another place, the same photos.
    (tmp_path / "out").rename(tmp_path / "elsewhere")
    monkeypatch.chdir(tmp_path)
    for photo in read_manifest("elsewhere"):
        assert Path(photo.uri).read_bytes() == (images / photo.image_id).read_bytes()


def test_ingest_dataset_archive_and_folder_have_one_fingerprint(
    ingest: Ingest, kaggle: Path, tmp_path: Path
) -> None:
    with tarfile.open(tmp_path / "data.tgz", "w:gz") as archive:
        archive.add(kaggle, "data")
    folder, packed = ingest(kaggle), ingest(tmp_path / "data.tgz", "packed")
    assert folder["dataset_fingerprint"] == packed["dataset_fingerprint"]
    assert folder["test_fingerprint"] == packed["test_fingerprint"]


def test_ingest_dataset_same_names_in_two_folders(
    ingest: Ingest, tmp_path: Path, encode: Callable[..., bytes]
) -> None:
    names = [f"{animal}/{number}.jpg" for animal in ("cats", "dogs") for number in range(20)]
    with zipfile.ZipFile(tmp_path / "data.zip", "w") as archive:
        archive.writestr(
            "data/captions.csv",
            "image,caption\n" + "".join(f"{name},Of {name}\n" for name in names),
        )
        for number, name in enumerate(names[:-2]):
            archive.writestr(f"data/Images/{name}", encode(number))
    shutil.unpack_archive(tmp_path / "data.zip", tmp_path / "folder")
    packed, folder = ingest(tmp_path / "data.zip"), ingest(tmp_path / "folder", "unpacked")
    assert packed["captions_without_image"] == ["dogs/18.jpg", "dogs/19.jpg"]
    assert packed == folder
    photos = read_manifest(tmp_path / "out")
    assert [photo.image_id for photo in photos] == sorted(names[:-2])
    for photo in photos:
        assert photo.captions == (f"Of {photo.image_id}",)
        assert photo.uri == str(tmp_path / "out" / "photos" / "Images" / photo.image_id)
        assert Path(photo.uri).read_bytes() == encode(names.index(photo.image_id))


def test_ingest_dataset_most_photos_missing(ingest: Ingest, kaggle: Path, tmp_path: Path) -> None:
    for number in range(9):
        (kaggle / "Images" / f"0{number}.jpg").unlink()
    with pytest.raises(DataError, match=r"9 of 40 captioned photos .*'00.jpg', '01.jpg'"):
        ingest(kaggle)
    assert not (tmp_path / "out").exists()
    report = ingest(kaggle, max_missing=0.25)
    assert report["photos"] == 31
    assert len(report["captions_without_image"]) == 9


def test_ingest_dataset_says_where_splits_come_from(
    ingest: Ingest, flickr8k: Path, kaggle: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    assert "Flickr_8k.trainImages.txt" in ingest(flickr8k)["splits_from"]
    assert "hash" in ingest(kaggle)["splits_from"]
    assert "  splits from  a hash of each photo's content" in caplog.messages


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


def test_ingest_dataset_adding_photos_moves_none(
    ingest: Ingest, kaggle: Path, tmp_path: Path, encode: Callable[..., bytes]
) -> None:
    ingest(kaggle, "before")
    with (kaggle / "captions.txt").open("a") as captions:
        for number in range(40, 60):
            (kaggle / "Images" / f"{number}.jpg").write_bytes(encode(number))
            captions.write(f"{number}.jpg,Photo {number}.jpg\n")
    ingest(kaggle, "after")
    before = {photo.image_id: photo.split for photo in read_manifest(tmp_path / "before")}
    after = {photo.image_id: photo.split for photo in read_manifest(tmp_path / "after")}
    assert len(after) == 60
    assert {name: after[name] for name in before} == before


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


def test_ingest_dataset_empty_split_by_lists(ingest: Ingest, flickr8k: Path) -> None:
    (flickr8k / "Flickr_8k.testImages.txt").unlink()
    with pytest.raises(DataError, match=r"test has none: train 4, dev 1, test 0"):
        ingest(flickr8k)


def test_ingest_dataset_too_few_to_split(ingest: Ingest, flickr8k: Path) -> None:
    for file in flickr8k.glob("Flickr_8k*"):
        file.unlink()
    with pytest.raises(DataError, match=r"Every split must have a photo.*Add photos"):
        ingest(flickr8k, dev_share=0.001)


def test_ingest_dataset_without_images(ingest: Ingest, flickr8k: Path) -> None:
    (flickr8k / "Flicker8k_Dataset").rename(flickr8k.parent / "lost")
    with pytest.raises(DataError, match=r"captions of 6 photos \('a.jpg', for .*\) and no photos"):
        ingest(flickr8k)


def test_ingest_dataset_wrong_setting_before_any_work(ingest: Ingest, tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="dev_share"):
        ingest(tmp_path / "nowhere", dev_share=1.0)


def test_ingest_dataset_sample(ingest: Ingest, tmp_path: Path) -> None:
    report = ingest("sample")
    assert report["source"] == "sample"
    assert report["photos"] == 20
    assert report["captions"] == 100
    photos = read_manifest(tmp_path / "out")
    assert all(photo.uri.startswith(str(tmp_path / "out" / "photos")) for photo in photos)
    assert report["dataset_fingerprint"] == ingest("sample", "again")["dataset_fingerprint"]


def test_ingest_dataset_replaces_an_older_manifest(
    ingest: Ingest, flickr8k: Path, tmp_path: Path
) -> None:
    ingest("sample")
    ingest(flickr8k)
    assert not (tmp_path / "out" / "photos").exists()
    assert len(read_manifest(tmp_path / "out")) == 6
