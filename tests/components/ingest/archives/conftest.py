"""Archives of a few files, and what was unpacked from them."""

import io
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

Members = list[tuple[str, bytes]]
Pack = Callable[[Members], Path]
PackAs = Callable[[Path, Members], Path]


@pytest.fixture(name="pack_zip")
def fixture_pack_zip() -> PackAs:
    """Returns a function that writes members into a zip at a path."""
    return _zip


@pytest.fixture(name="pack_tar")
def fixture_pack_tar() -> PackAs:
    """Returns a function that writes members into a gzipped tar at a path."""
    return _tar


@pytest.fixture(params=["zip", "tar.gz", "tgz"])
def pack(request: pytest.FixtureRequest, tmp_path: Path) -> Pack:
    """Returns a function that writes members into an archive of each kind, one after the other."""

    def make(members: Members) -> Path:
        path = tmp_path / f"data.{request.param}"
        return _zip(path, members) if request.param == "zip" else _tar(path, members)

    return make


@pytest.fixture(name="unpacked")
def fixture_unpacked() -> Callable[[Path], dict[str, bytes]]:
    """Returns a function that reads all files below a folder, by path."""
    return _unpacked


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


def _unpacked(directory: Path) -> dict[str, bytes]:
    return {
        path.relative_to(directory).as_posix(): path.read_bytes()
        for path in directory.rglob("*")
        if path.is_file()
    }
