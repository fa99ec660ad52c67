import gzip
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from components.errors import DataError
from components.ingest.archives.unpacking import is_archive, unpack

Members = list[tuple[str, bytes]]
Pack = Callable[[Members], Path]
PackAs = Callable[[Path, Members], Path]
Unpacked = Callable[[Path], dict[str, bytes]]


def test_unpack_files_of_any_ending_and_none(
    pack: Pack, unpacked: Unpacked, tmp_path: Path
) -> None:
    names = ["d/captions.txt", "d/Images/a.JPG", "d/Images/b.jpg.1", "d/Images/c", "d/t.token"]
    archive = pack([(f"./{name}", name.encode()) for name in names])
    unpack(archive, tmp_path / "out")
    assert unpacked(tmp_path / "out") == {name: name.encode() for name in names}
    assert {path.name for path in tmp_path.iterdir()} == {archive.name, "out"}


def test_unpack_zip_that_lies_about_sizes(pack_zip: PackAs, tmp_path: Path) -> None:
    path = pack_zip(tmp_path / "data.zip", [("a.txt", bytes(100_000))])
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


def test_unpack_encrypted(pack_zip: PackAs, tmp_path: Path) -> None:
    path = pack_zip(tmp_path / "data.zip", [("a.txt", b"secret")])
    content = bytearray(path.read_bytes())
    content[6] |= 1  # the flag in the member's own header,
    content[content.index(b"PK\x01\x02") + 8] |= 1  # and in the directory
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"can't be unpacked: .*encrypted"):
        unpack(path, tmp_path / "out")


def test_unpack_zip_whose_directory_lies_outside_it_is_the_archives_fault(
    pack_zip: PackAs, tmp_path: Path
) -> None:
    path = pack_zip(tmp_path / "data.zip", [("a.txt", b"1")])
    content = bytearray(path.read_bytes())
    end = content.index(b"PK\x05\x06")
    content[end + 16 : end + 20] = b"\xff\xff\xff\x7f"  # where the directory begins
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"data.zip can't be unpacked: .*Invalid argument"):
        unpack(path, tmp_path / "out")


def test_unpack_tar_with_a_broken_header_in_it(pack_tar: PackAs, tmp_path: Path) -> None:
    packed = pack_tar(tmp_path / "data.tar.gz", [("a.txt", b"1"), ("b.txt", b"2"), ("c.txt", b"3")])
    content = bytearray(gzip.decompress(packed.read_bytes()))
    content[1024 + 200] ^= 0xFF
    (tmp_path / "broken.tar").write_bytes(content)
    with pytest.raises(DataError, match="no valid header at byte 1024"):
        unpack(tmp_path / "broken.tar", tmp_path / "out")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_unpack_zip_of_other_compressions(unpacked: Unpacked, tmp_path: Path, method: int) -> None:
    content = bytes(10_000) + os.urandom(10_000)
    with zipfile.ZipFile(tmp_path / "data.zip", "w", method) as archive:
        archive.writestr("a.txt", content)
    unpack(tmp_path / "data.zip", tmp_path / "out")
    assert unpacked(tmp_path / "out") == {"a.txt": content}
    damaged = bytearray((tmp_path / "data.zip").read_bytes())
    damaged[35 : 35 + 9] = b"\xff" * 9  # the options, or the first block
    (tmp_path / "data.zip").write_bytes(damaged)
    with pytest.raises(DataError, match="can't be unpacked: "):
        unpack(tmp_path / "data.zip", tmp_path / "no")


def test_unpack_onto_a_full_disk_is_not_the_datas_fault(pack_zip: PackAs, tmp_path: Path) -> None:
    archive = pack_zip(tmp_path / "data.zip", [("a.txt", os.urandom(100_000))])
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


def test_unpack_plain_tar(unpacked: Unpacked, pack_tar: PackAs, tmp_path: Path) -> None:
    packed = pack_tar(tmp_path / "data.tar.gz", [("a.txt", b"words")])
    (tmp_path / "data.tar").write_bytes(gzip.decompress(packed.read_bytes()))
    shutil.copy(tmp_path / "data.tar", tmp_path / "misnamed.tar.gz")
    for number, name in enumerate(("data.tar", "misnamed.tar.gz")):
        unpack(tmp_path / name, tmp_path / str(number))
        assert unpacked(tmp_path / str(number)) == {"a.txt": b"words"}


@pytest.mark.parametrize(
    ("name", "known"),
    [("a.zip", True), ("a.ZIP", True), ("a.tar.gz", True), ("a.tgz", True), ("a.rar", False)],
)
def test_is_archive(name: str, known: bool) -> None:
    assert is_archive(Path(name)) is known
