import zipfile
from pathlib import Path

import pytest

from pipeline.local.choices.glove import find_glove


def _zip(path: Path) -> bytes:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("b\u00e4r.txt", "a 1 2")
        archive.writestr("a.txt", "a 1")
    return path.read_bytes()


def test_find_glove_takes_the_smallest_file_of_a_zip(tmp_path: Path) -> None:
    _zip(tmp_path / "glove.zip")
    assert find_glove([tmp_path]) == f"{tmp_path / 'glove.zip'}#a.txt"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        # A name that is not the UTF-8 it says it is, a version of the distant future, and garbage.
        ("\u00e4".encode(), b"\xff\xff"),
        (b"PK\1\2\x14\3\x14", b"PK\1\2\x14\3\xff"),
        (b"PK\5\6", b"PK\0\0"),
    ],
)
def test_find_glove_leaves_a_broken_zip_to_its_step(tmp_path: Path, old: bytes, new: bytes) -> None:
    content = _zip(tmp_path / "glove.zip")
    assert old in content
    (tmp_path / "glove.zip").write_bytes(content.replace(old, new))
    assert find_glove([tmp_path]) == str(tmp_path / "glove.zip")
