import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from components.ingest.archives.unpacking import Limits
from pipeline.local.choices import data
from pipeline.local.choices.data import count_images


def _tar(path: Path, mode: str, sizes: dict[str, int]) -> str:
    with tarfile.open(path, mode) as tar:
        for name, size in sizes.items():
            info = tarfile.TarInfo(name)
            info.size = size
            tar.addfile(info, io.BytesIO(bytes(size)))
    return str(path)


@pytest.mark.parametrize(("name", "mode"), [("a.tar", "w:"), ("a.tar.gz", "w:gz")])
def test_count_images_of_a_tar(tmp_path: Path, name: str, mode: str) -> None:
    sizes = {"a.jpg": 10, "b/c.PNG": 2000, "captions.jsonl": 30}
    assert count_images(_tar(tmp_path / name, mode, sizes)) == 2


def test_count_images_unpacks_no_more_of_a_compressed_tar_than_the_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data, "_UNPACKED_BYTES", 1 << 20)
    sizes = {"a.jpg": 10, "b.jpg": 2 << 20, "c.jpg": 10}
    assert count_images(_tar(tmp_path / "a.tar.gz", "w:gz", sizes)) is None
    # Nothing has to be unpacked.
    assert count_images(_tar(tmp_path / "a.tar", "w:", sizes)) == 3
    # It calls itself a plain tar, but its compressed size bounds it.
    assert count_images(_tar(tmp_path / "b.tar", "w:gz", sizes)) is None


def test_count_images_of_a_broken_archive_is_unknown(tmp_path: Path) -> None:
    (tmp_path / "a.tar.gz").write_bytes(b"\x1f\x8b broken")
    assert count_images(str(tmp_path / "a.tar.gz")) is None


def test_count_images_of_a_zip_with_too_many_members_is_unknown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for number in range(20_000):
            archive.writestr(zipfile.ZipInfo(f"{number:030}.jpg"), b"")
    assert count_images(str(tmp_path / "a.zip")) == 20_000
    monkeypatch.setattr(data, "Limits", lambda: Limits(files=10_000))
    assert count_images(str(tmp_path / "a.zip")) is None
