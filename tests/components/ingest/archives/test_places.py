import io
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from components.errors import DataError
from components.ingest.archives.unpacking import Limits, unpack

Members = list[tuple[str, bytes]]
Pack = Callable[[Members], Path]
Unpacked = Callable[[Path], dict[str, bytes]]


@pytest.mark.parametrize(
    "name",
    [
        "Screenshot at 3.04.05\u202fPM.png", "\u00a0a\u3000.jpg", "\U0001f468\u200d\U0001f467.jpg",
        "Icon\r", "10:30:00.jpg", "a:b/notes.txt", "new\nline.jpg", "...", "a..b/c.jpg", ".hidden",
    ],
)  # fmt: skip
def test_unpack_odd_but_harmless_names(
    pack: Pack, unpacked: Unpacked, tmp_path: Path, name: str
) -> None:
    unpack(pack([(name, b"1"), ("fine.txt", b"2")]), tmp_path / "out")
    assert unpacked(tmp_path / "out") == {name: b"1", "fine.txt": b"2"}


@pytest.mark.parametrize("name", ["", ".", "n" * 300, "./."])
def test_unpack_names_that_no_file_can_have_are_skipped(
    unpacked: Unpacked, pack: Pack, tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    unpack(pack([(name, b"1"), ("fine.txt", b"2")]), tmp_path / "out")
    assert unpacked(tmp_path / "out") == {"fine.txt": b"2"}
    assert "skipped 1 members" in caplog.text


@pytest.mark.parametrize(
    "name",
    [
        "../escaped.txt",
        "data/../../escaped.txt",
        "/escaped.txt",
        "..\\escaped.txt",
        "C:\\escaped.txt",
        "data\\..\\..\\escaped.txt",
        # Not needed, so not unpacked; but who writes this is not to be trusted.
        "../escaped.sh",
    ],
)
def test_unpack_path_that_leads_out(pack: Pack, tmp_path: Path, name: str) -> None:
    archive = pack([("fine.txt", b""), (name, b"evil")])
    with pytest.raises(DataError, match=r"must stay inside its own folder.*escaped"):
        unpack(archive, tmp_path / "deep" / "out")
    assert not list(tmp_path.rglob("*escaped*"))


def test_unpack_one_path_twice(pack: Pack, unpacked: Unpacked, tmp_path: Path) -> None:
    archive = pack([("data/a.jpg", b"one"), ("./data/a.jpg", b"two")])
    with pytest.raises(DataError, match=r"must stand for one file. Received twice: data/a.jpg"):
        unpack(archive, tmp_path / "out")
    unpack(pack([("data/a.jpg", b"one"), ("data//a.jpg", b"one")]), tmp_path / "same")
    assert unpacked(tmp_path / "same") == {"data/a.jpg": b"one"}


@pytest.mark.parametrize("names", [("a", "a/b"), ("a/b", "a")])
def test_unpack_file_that_is_a_folder_too(
    pack: Pack, tmp_path: Path, names: tuple[str, str]
) -> None:
    with pytest.raises(DataError, match="must stand for one file"):
        unpack(pack([(name, b"x") for name in names]), tmp_path / "out")


def _tar_of(path: Path, *members: tuple[str, bytes, str]) -> Path:
    """A tar of a file `real/a.jpg`, and members of a name, a type and where they lead."""
    with tarfile.open(path, "w:gz") as archive:
        info = tarfile.TarInfo("real/a.jpg")
        info.size = 5
        archive.addfile(info, io.BytesIO(b"photo"))
        for name, kind, target in members:
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, target
            archive.addfile(info)
    return path


def test_unpack_links_inside_a_tar_are_copies(unpacked: Unpacked, tmp_path: Path) -> None:
    archive = _tar_of(
        tmp_path / "data.tar.gz",
        ("same.jpg", tarfile.LNKTYPE, "real/a.jpg"),
        ("deep/b.jpg", tarfile.SYMTYPE, "../real/a.jpg"),
        ("again.jpg", tarfile.SYMTYPE, "deep/b.jpg"),
        ("folder", tarfile.SYMTYPE, "real"),
        ("gone.jpg", tarfile.LNKTYPE, "nowhere.jpg"),
        ("round.jpg", tarfile.SYMTYPE, "round.jpg"),
    )
    unpack(archive, tmp_path / "out")
    names = ("real/a.jpg", "same.jpg", "deep/b.jpg", "again.jpg")
    assert unpacked(tmp_path / "out") == dict.fromkeys(names, b"photo")
    assert not any(path.is_symlink() for path in (tmp_path / "out").rglob("*"))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE])
@pytest.mark.parametrize("target", ["/etc/passwd", "../../etc/passwd", "real/../../x"])
def test_unpack_link_that_leads_out(tmp_path: Path, kind: bytes, target: str) -> None:
    archive = _tar_of(tmp_path / "data.tar.gz", ("captions.txt", kind, target))
    with pytest.raises(DataError, match=r"links must stay inside .* 'captions.txt'"):
        unpack(archive, tmp_path / "out")
    assert not (tmp_path / "out" / "captions.txt").exists()


def test_unpack_links_count_as_bytes(tmp_path: Path) -> None:
    links = [(f"{number}.jpg", tarfile.LNKTYPE, "real/a.jpg") for number in range(10)]
    archive = _tar_of(tmp_path / "data.tar.gz", *links)
    with pytest.raises(DataError, match="decompression bomb"):
        unpack(archive, tmp_path / "out", Limits(size=15_000, ratio=0, spared=50))


@pytest.mark.parametrize("kind", [tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
def test_unpack_device_in_tar(tmp_path: Path, kind: bytes) -> None:
    archive = _tar_of(tmp_path / "data.tar.gz", ("b.jpg", kind, ""))
    with pytest.raises(DataError, match=r"no devices.* 'b.jpg'"):
        unpack(archive, tmp_path / "out")


def _zip_of_kind(path: Path, kind: int, content: str) -> Path:
    info = zipfile.ZipInfo("captions.txt")
    info.external_attr = (kind | 0o777) << 16
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("real/a.txt", "words")
        archive.writestr(info, content)
    return path


@pytest.mark.parametrize("kind", [stat.S_IFCHR, stat.S_IFIFO])
def test_unpack_device_in_zip(tmp_path: Path, kind: int) -> None:
    with pytest.raises(DataError, match=r"no devices.* 'captions.txt'"):
        unpack(_zip_of_kind(tmp_path / "data.zip", kind, ""), tmp_path / "out")


def test_unpack_link_in_zip(unpacked: Unpacked, tmp_path: Path) -> None:
    unpack(_zip_of_kind(tmp_path / "a.zip", stat.S_IFLNK, "real/a.txt"), tmp_path / "out")
    assert unpacked(tmp_path / "out")["captions.txt"] == b"words"
    with pytest.raises(DataError, match="links must stay inside"):
        unpack(_zip_of_kind(tmp_path / "b.zip", stat.S_IFLNK, "/etc/passwd"), tmp_path / "no")
    assert not (tmp_path / "no" / "captions.txt").exists()
