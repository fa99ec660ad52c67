import gzip
import io
import os
import shutil
import stat
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from components.errors import DataError
from components.ingest.archives.unpacking import Limits, is_archive, unpack

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


def test_unpack_files_of_any_ending_and_none(pack: Pack, tmp_path: Path) -> None:
    names = ["d/captions.txt", "d/Images/a.JPG", "d/Images/b.jpg.1", "d/Images/c", "d/t.token"]
    archive = pack([(f"./{name}", name.encode()) for name in names])
    unpack(archive, tmp_path / "out")
    assert _unpacked(tmp_path / "out") == {name: name.encode() for name in names}
    assert {path.name for path in tmp_path.iterdir()} == {archive.name, "out"}


@pytest.mark.parametrize(
    "name",
    [
        "Screenshot at 3.04.05\u202fPM.png", "\u00a0a\u3000.jpg", "\U0001f468\u200d\U0001f467.jpg",
        "Icon\r", "10:30:00.jpg", "a:b/notes.txt", "new\nline.jpg", "...", "a..b/c.jpg", ".hidden",
    ],
)  # fmt: skip
def test_unpack_odd_but_harmless_names(pack: Pack, tmp_path: Path, name: str) -> None:
    unpack(pack([(name, b"1"), ("fine.txt", b"2")]), tmp_path / "out")
    assert _unpacked(tmp_path / "out") == {name: b"1", "fine.txt": b"2"}


@pytest.mark.parametrize("name", ["", ".", "n" * 300, "./."])
def test_unpack_names_that_no_file_can_have_are_skipped(
    pack: Pack, tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    unpack(pack([(name, b"1"), ("fine.txt", b"2")]), tmp_path / "out")
    assert _unpacked(tmp_path / "out") == {"fine.txt": b"2"}
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


def test_unpack_one_path_twice(pack: Pack, tmp_path: Path) -> None:
    archive = pack([("data/a.jpg", b"one"), ("./data/a.jpg", b"two")])
    with pytest.raises(DataError, match=r"must stand for one file. Received twice: data/a.jpg"):
        unpack(archive, tmp_path / "out")
    unpack(pack([("data/a.jpg", b"one"), ("data//a.jpg", b"one")]), tmp_path / "same")
    assert _unpacked(tmp_path / "same") == {"data/a.jpg": b"one"}


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


def test_unpack_links_inside_a_tar_are_copies(tmp_path: Path) -> None:
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
    assert _unpacked(tmp_path / "out") == dict.fromkeys(names, b"photo")
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
    with pytest.raises(DataError, match="not to a bomb"):
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


def test_unpack_link_in_zip(tmp_path: Path) -> None:
    unpack(_zip_of_kind(tmp_path / "a.zip", stat.S_IFLNK, "real/a.txt"), tmp_path / "out")
    assert _unpacked(tmp_path / "out")["captions.txt"] == b"words"
    with pytest.raises(DataError, match="links must stay inside"):
        unpack(_zip_of_kind(tmp_path / "b.zip", stat.S_IFLNK, "/etc/passwd"), tmp_path / "no")
    assert not (tmp_path / "no" / "captions.txt").exists()


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


def test_unpack_tar_with_a_broken_header_in_it(tmp_path: Path) -> None:
    packed = _tar(tmp_path / "data.tar.gz", [("a.txt", b"1"), ("b.txt", b"2"), ("c.txt", b"3")])
    content = bytearray(gzip.decompress(packed.read_bytes()))
    content[1024 + 200] ^= 0xFF
    (tmp_path / "broken.tar").write_bytes(content)
    with pytest.raises(DataError, match="no valid header at byte 1024"):
        unpack(tmp_path / "broken.tar", tmp_path / "out")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_unpack_zip_of_other_compressions(tmp_path: Path, method: int) -> None:
    content = bytes(10_000) + os.urandom(10_000)
    with zipfile.ZipFile(tmp_path / "data.zip", "w", method) as archive:
        archive.writestr("a.txt", content)
    unpack(tmp_path / "data.zip", tmp_path / "out")
    assert _unpacked(tmp_path / "out") == {"a.txt": content}
    damaged = bytearray((tmp_path / "data.zip").read_bytes())
    damaged[35 : 35 + 9] = b"\xff" * 9  # the options, or the first block
    (tmp_path / "data.zip").write_bytes(damaged)
    with pytest.raises(DataError, match="can't be unpacked: "):
        unpack(tmp_path / "data.zip", tmp_path / "no")


def test_unpack_zip_bomb_in_its_directory(tmp_path: Path) -> None:
    # The directory is large enough to be read at once, and is refused before it is parsed.
    with zipfile.ZipFile(tmp_path / "data.zip", "w") as archive:
        for number in range(70_000):
            archive.writestr(zipfile.ZipInfo(f"{number:030}"), b"")
    with pytest.raises(DataError, match="at most 60000 files are allowed"):
        unpack(tmp_path / "data.zip", tmp_path / "out", Limits(files=60_000))


def test_unpack_onto_a_full_disk_is_not_the_datas_fault(tmp_path: Path) -> None:
    archive = _zip(tmp_path / "data.zip", [("a.txt", os.urandom(100_000))])
    # In a process of its own: a limit on files' sizes can't be lifted again.
    program = (
        "import resource, sys; from pathlib import Path\n"
        "from components.ingest.archives.unpacking import unpack\n"
        "from components.errors import CaptionflowError\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))\n"
        "try: unpack(Path(sys.argv[1]), Path(sys.argv[2]))\n"
        "except CaptionflowError as error: print(type(error).__name__, error.exit_code, error)"
    )
    out = str(tmp_path / "out")
    ended = subprocess.run(
        [sys.executable, "-c", program, str(archive), out],
        capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[4])},
    )  # fmt: skip
    assert ended.stdout.startswith("CaptionflowError 1 data.zip could not be unpacked"), (
        ended.stderr
    )
    assert "File too large" in ended.stdout


def test_unpack_plain_tar(tmp_path: Path) -> None:
    packed = _tar(tmp_path / "data.tar.gz", [("a.txt", b"words")])
    (tmp_path / "data.tar").write_bytes(gzip.decompress(packed.read_bytes()))
    shutil.copy(tmp_path / "data.tar", tmp_path / "misnamed.tar.gz")
    for number, name in enumerate(("data.tar", "misnamed.tar.gz")):
        unpack(tmp_path / name, tmp_path / str(number))
        assert _unpacked(tmp_path / str(number)) == {"a.txt": b"words"}


@pytest.mark.parametrize(
    ("name", "known"),
    [("a.zip", True), ("a.ZIP", True), ("a.tar.gz", True), ("a.tgz", True), ("a.rar", False)],
)
def test_is_archive(name: str, known: bool) -> None:
    assert is_archive(Path(name)) is known
