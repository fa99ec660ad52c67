import os
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from components.errors import DataError
from components.ingest.archives.unpacking import Limits, unpack

Members = list[tuple[str, bytes]]
Pack = Callable[[Members], Path]
PackAs = Callable[[Path, Members], Path]


def test_unpack_bomb_by_ratio(pack: Pack, tmp_path: Path) -> None:
    archive = pack([("a.txt", bytes(2_000_000))])  # about 2 kB packed
    with pytest.raises(DataError, match=r"decompression bomb: at most \d+ bytes .* packed size"):
        unpack(archive, tmp_path / "out", Limits(ratio=100, spared=1_000_000))


def test_unpack_bomb_by_default_limits(pack: Pack, tmp_path: Path) -> None:
    archive = pack([("a.txt", bytes(40_000_000))])
    with pytest.raises(DataError, match="decompression bomb"):
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


def test_unpack_tar_bomb_in_a_skipped_file(pack_tar: PackAs, tmp_path: Path) -> None:
    # Skipping a member unpacks it too.
    archive = pack_tar(tmp_path / "data.tar.gz", [("a.bin", bytes(2_000_000)), ("b.txt", b"")])
    with pytest.raises(DataError, match="decompression bomb"):
        unpack(archive, tmp_path / "out", Limits(ratio=100, spared=1_000_000))


def test_unpack_tar_bomb_in_a_header(tmp_path: Path) -> None:
    path = tmp_path / "data.tar.gz"
    with tarfile.open(path, "w:gz", format=tarfile.PAX_FORMAT) as archive:
        member = tarfile.TarInfo("a.txt")
        member.pax_headers = {"comment": "x" * 5_000_000}
        archive.addfile(member)
    with pytest.raises(DataError, match="decompression bomb: a header asks for"):
        unpack(path, tmp_path / "out")


def test_unpack_zip_bomb_in_its_directory(tmp_path: Path) -> None:
    # The directory is large enough to be read at once, and is refused before it is parsed.
    with zipfile.ZipFile(tmp_path / "data.zip", "w") as archive:
        for number in range(70_000):
            archive.writestr(zipfile.ZipInfo(f"{number:030}"), b"")
    with pytest.raises(DataError, match="at most 60000 files are allowed"):
        unpack(tmp_path / "data.zip", tmp_path / "out", Limits(files=60_000))
