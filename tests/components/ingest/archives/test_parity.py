import os
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from components.artifacts.manifest import read_manifest
from components.ingest.files.composing import compose
from components.ingest.run import ingest_dataset
from components.settings.data import DataSettings

NAMES = (
    "p000.jpg", "p001.JPG", "2258277193_ab.jpg.1", "tw.jpg_large", "img_0009", "q.jpeg",
    "M\u00e4dchen.jpg", "caffe\u0300.jpg", "\u732b.jpg", "Screenshot at 3.04\u202fPM.png",
)  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path, photos: Callable[..., None]) -> Path:
    """Photos of any ending in folders, a link among them, and files that nobody needs."""
    root = tmp_path / "set"
    photos(root / "Images", NAMES)
    photos(root / "Images" / "cats", ["p000.jpg"])
    os.link(root / "Images" / "p000.jpg", root / "Images" / "same.jpg")
    (root / "Icon\r").touch()
    (root / "run.sh").write_text("echo")
    named = [*NAMES, "cats/p000.jpg", "same.jpg"]
    lines = [f"{name},words of {number}\n" for number, name in enumerate(named)]
    (root / "captions.txt").write_text("image,caption\n" + "".join(lines))
    return root


def _zip_without_flag(folder: Path, path: Path) -> Path:
    # As macOS' Finder does it: names are UTF-8, and nothing says so.
    stand_ins = {}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, file in enumerate(each for each in folder.rglob("*") if each.is_file()):
            name = file.relative_to(folder.parent).as_posix().encode()
            stand_in = f"{number:03}".ljust(len(name), "_")
            stand_ins[stand_in.encode()] = name
            archive.write(file, stand_in)
    raw = path.read_bytes()
    for stand_in, name in stand_ins.items():
        raw = raw.replace(stand_in, name)
    path.write_bytes(raw)
    return path


def _tar(folder: Path, path: Path) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        archive.add(folder, folder.name)
    return path


def test_folder_zip_and_tar_give_the_same_manifest(folder: Path, tmp_path: Path) -> None:
    sources = {
        "folder": folder,
        "zip": _zip_without_flag(folder, tmp_path / "set.zip"),
        "tar": _tar(folder, tmp_path / "set.tar.gz"),
    }
    contents: dict[str, list[bytes]] = {}
    files_of = {compose(name): name for name in (*NAMES, "cats/p000.jpg", "same.jpg")}
    for name, source in sources.items():
        settings = {"dataset": str(source), "seed": 3, "dev_share": 0.3, "test_share": 0.3}
        settings["store"] = ""
        ingest_dataset(DataSettings.check(settings), tmp_path / name)
        files = [tmp_path / name / file for file in ("manifest.parquet", "report.json")]
        contents[name] = [file.read_bytes() for file in files]
        read = {photo.image_id: Path(photo.uri) for photo in read_manifest(tmp_path / name)}
        assert read.keys() >= {*map(compose, NAMES), "cats/p000.jpg"}
        for image_id, file in read.items():
            assert file.read_bytes() == (folder / "Images" / files_of[image_id]).read_bytes()
    assert contents["folder"] == contents["zip"] == contents["tar"]
