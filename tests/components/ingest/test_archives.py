import gzip
import io
import os
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from components.errors import DataError
from components.ingest.archives import Limits, is_archive, unpack

Members = list[tuple[str, bytes]]
Pack = Callable[[Members], Path]


def _zip(path: Path, members: Members) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return path


def _tar(path: Path, members: Members) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


@pytest.fixture(params=["zip", "tar.gz", "tgz"])
def pack(request: pytest.FixtureRequest, tmp_path: Path) -> Pack:
    def make(members: Members) -> Path:
        path = tmp_path / f"data.{request.param}"
        return _zip(path, members) if request.param == "zip" else _tar(path, members)

    return make


def _unpacked(directory: Path) -> dict[str, bytes]:
    return {
        path.relative_to(directory).as_posix(): path.read_bytes()
        for path in directory.rglob("*")
        if path.is_file()
    }


def test_unpack_only_what_is_needed(pack: Pack, tmp_path: Path) -> None:
    archive = pack(
        [
            ("data/captions.txt", b"words"),
            ("./data/Images/a.JPG", b"photo"),
            ("data/split.json", b"{}"),
            ("data/run.sh", b"rm"),
            ("data/weights.pkl", b"x"),
        ]
    )
    unpack(archive, tmp_path / "out")
    assert _unpacked(tmp_path / "out") == {
        "data/captions.txt": b"words",
        "data/Images/a.JPG": b"photo",
        "data/split.json": b"{}",
    }


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


def test_unpack_one_path_twice(pack: Pack, tmp_path: Path) -> None:
    archive = pack([("data/a.jpg", b"one"), ("./data/a.jpg", b"two")])
    with pytest.raises(DataError, match=r"must stand for one file. Received twice: data/a.jpg"):
        unpack(archive, tmp_path / "out")


def test_unpack_symbolic_link_in_tar(tmp_path: Path) -> None:
    path = tmp_path / "data.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        link = tarfile.TarInfo("data/captions.txt")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    with pytest.raises(DataError, match=r"no links or devices. Received: 'data/captions.txt'"):
        unpack(path, tmp_path / "out")
    assert not _unpacked(tmp_path / "out")


@pytest.mark.parametrize(
    "kind", [tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE]
)
def test_unpack_device_in_tar(tmp_path: Path, kind: bytes) -> None:
    path = tmp_path / "data.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        member = tarfile.TarInfo("a.jpg")
        member.type, member.linkname = kind, "b.jpg"
        archive.addfile(member)
    with pytest.raises(DataError, match="no links or devices"):
        unpack(path, tmp_path / "out")


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFIFO])
def test_unpack_link_in_zip(tmp_path: Path, kind: int) -> None:
    info = zipfile.ZipInfo("captions.txt")
    info.external_attr = (kind | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "data.zip", "w") as archive:
        archive.writestr(info, "/etc/passwd")
    with pytest.raises(DataError, match=r"no links or devices. Received: 'captions.txt'"):
        unpack(tmp_path / "data.zip", tmp_path / "out")
    assert not _unpacked(tmp_path / "out")


def test_unpack_bomb_by_ratio(pack: Pack, tmp_path: Path) -> None:
    archive = pack([("a.txt", bytes(2_000_000))])  # about 2 kB packed
    with pytest.raises(DataError, match=r"not to a bomb: at most \d+ bytes .* packed size"):
        unpack(archive, tmp_path / "out", Limits(ratio=100, spared=1_000_000))


def test_unpack_bomb_by_default_limits(pack: Pack, tmp_path: Path) -> None:
    archive = pack([("a.txt", bytes(40_000_000))])
    with pytest.raises(DataError, match="not to a bomb"):
        unpack(archive, tmp_path / "out")


def test_unpack_bomb_by_size(pack: Pack, tmp_path: Path) -> None:
    archive = pack([(f"{number}.txt", os.urandom(1_000)) for number in range(6)])
    with pytest.raises(DataError, match="at most 5000 bytes are allowed"):
        unpack(archive, tmp_path / "out", Limits(size=5_000))


def test_unpack_bomb_by_number(pack: Pack, tmp_path: Path) -> None:
    archive = pack([(f"{number}.sh", b"") for number in range(4)])
    with pytest.raises(DataError, match="at most 3 files are allowed"):
        unpack(archive, tmp_path / "out", Limits(files=3))
    unpack(archive, tmp_path / "fine", Limits(files=4))


def test_unpack_tar_bomb_in_a_skipped_file(tmp_path: Path) -> None:
    # Skipping a member unpacks it too.
    archive = _tar(tmp_path / "data.tar.gz", [("a.bin", bytes(2_000_000)), ("b.txt", b"")])
    with pytest.raises(DataError, match="not to a bomb"):
        unpack(archive, tmp_path / "out", Limits(ratio=100, spared=1_000_000))


def test_unpack_tar_bomb_in_a_header(tmp_path: Path) -> None:
    path = tmp_path / "data.tar.gz"
    with tarfile.open(path, "w:gz", format=tarfile.PAX_FORMAT) as archive:
        member = tarfile.TarInfo("a.txt")
        member.pax_headers = {"comment": "x" * 5_000_000}
        archive.addfile(member)
    with pytest.raises(DataError, match="not to a bomb: a header asks for"):
        unpack(path, tmp_path / "out")


def test_unpack_zip_that_lies_about_sizes(tmp_path: Path) -> None:
    path = _zip(tmp_path / "data.zip", [("a.txt", bytes(100_000))])
    true_size = (100_000).to_bytes(4, "little")
    assert path.read_bytes().count(true_size) == 2
    path.write_bytes(path.read_bytes().replace(true_size, (10).to_bytes(4, "little")))
    with pytest.raises(DataError, match=r"data.zip can't be unpacked: Bad CRC-32"):
        unpack(path, tmp_path / "out")


@pytest.mark.parametrize("name", ["data.zip", "data.tar.gz", "data.tar"])
def test_unpack_no_archive(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"I am something else, and long enough for a header." * 20)
    with pytest.raises(DataError, match=f"{name} can't be unpacked: "):
        unpack(tmp_path / name, tmp_path / "out")


def test_unpack_truncated(pack: Pack, tmp_path: Path) -> None:
    archive = pack([("a.jpg", os.urandom(5_000)), ("b.jpg", os.urandom(5_000))])
    archive.write_bytes(archive.read_bytes()[:-6_000])
    with pytest.raises(DataError, match="can't be unpacked: "):
        unpack(archive, tmp_path / "out")


def test_unpack_encrypted(tmp_path: Path) -> None:
    path = _zip(tmp_path / "data.zip", [("a.txt", b"secret")])
    content = bytearray(path.read_bytes())
    content[6] |= 1  # the flag in the member's own header,
    content[content.index(b"PK\x01\x02") + 8] |= 1  # and in the directory
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"can't be unpacked: .*encrypted"):
        unpack(path, tmp_path / "out")


def test_unpack_plain_tar(tmp_path: Path) -> None:
    packed = _tar(tmp_path / "data.tar.gz", [("a.txt", b"words")])
    (tmp_path / "data.tar").write_bytes(gzip.decompress(packed.read_bytes()))
    unpack(tmp_path / "data.tar", tmp_path / "out")
    assert _unpacked(tmp_path / "out") == {"a.txt": b"words"}


@pytest.mark.parametrize(
    ("name", "known"),
    [("a.zip", True), ("a.ZIP", True), ("a.tar.gz", True), ("a.tgz", True), ("a.rar", False)],
)
def test_is_archive(name: str, known: bool) -> None:
    assert is_archive(Path(name)) is known
