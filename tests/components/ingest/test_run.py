import json
import shutil
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components.artifacts.manifest import read_manifest
from components.errors import DataError, SettingError

Ingest = Callable[..., dict[str, Any]]


def test_ingest_dataset_of_a_folder_leaves_photos_there(
    ingest: Ingest, flickr8k: Path, tmp_path: Path
) -> None:
    report = ingest(flickr8k)
    assert report["splits"] == {"train": 4, "dev": 1, "test": 1}
    assert report == json.loads((tmp_path / "out" / "report.json").read_text())
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "SHA256SUMS",
        "manifest.parquet",
        "photos_root.json",
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
        "photos_root.json",
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


def test_ingest_dataset_says_where_splits_come_from(
    ingest: Ingest, flickr8k: Path, kaggle: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    assert "Flickr_8k.trainImages.txt" in ingest(flickr8k)["splits_from"]
    assert "hash" in ingest(kaggle)["splits_from"]
    assert "  splits from  a hash of each photo's content" in caplog.messages


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


def test_ingest_dataset_empty_split_by_lists(ingest: Ingest, flickr8k: Path) -> None:
    (flickr8k / "Flickr_8k.testImages.txt").unlink()
    with pytest.raises(DataError, match=r"test has none: train 4, dev 1, test 0"):
        ingest(flickr8k)


def test_ingest_dataset_too_few_to_split(ingest: Ingest, flickr8k: Path) -> None:
    for file in flickr8k.glob("Flickr_8k*"):
        file.unlink()
    with pytest.raises(DataError, match=r"Every split must have at least one photo.*Add photos"):
        ingest(flickr8k, dev_share=0.001)


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
