import gzip
import zipfile
from pathlib import Path
from typing import Any

import pytest

from components.embeddings.source import open_glove
from components.errors import DataError, SettingError

TEXT = b"dog 1 2\ncat 3 4\n"


def _read(glove: str) -> tuple[str, bytes]:
    with open_glove(glove) as text:
        return text.name, text.file.read()


def _zip(path: Path, **members: bytes) -> str:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name.replace("_txt", ".txt"), content)
    return str(path)


def test_open_glove_plain(tmp_path: Path) -> None:
    path = tmp_path / "glove.txt"
    path.write_bytes(TEXT)
    assert _read(str(path)) == ("glove.txt", TEXT)


@pytest.mark.parametrize("name", ["glove.txt.gz", "glove.txt"])
def test_open_glove_gzip_is_recognised_by_content(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(gzip.compress(TEXT))
    assert _read(str(path)) == (name, TEXT)


def test_open_glove_zip_with_one_text(tmp_path: Path) -> None:
    glove = _zip(tmp_path / "glove.zip", glove_txt=TEXT, readme=b"hello")
    assert _read(glove) == ("glove.txt", TEXT)


def test_open_glove_zip_with_several_texts(tmp_path: Path) -> None:
    glove = _zip(tmp_path / "glove.zip", a_txt=b"dog 1\n", b_txt=TEXT)
    assert _read(f"{glove}#b.txt") == ("b.txt", TEXT)


def test_open_glove_zip_in_a_bucket(remote: Any, tmp_path: Path) -> None:
    glove = _zip(tmp_path / "glove.zip", a_txt=b"dog 1\n", b_txt=TEXT)
    remote.write("glove.zip", Path(glove).read_bytes())
    assert _read(f"{remote.uri}/glove.zip#b.txt") == ("b.txt", TEXT)


@pytest.mark.parametrize("choice", ["", "#c.txt"])
def test_open_glove_zip_without_a_valid_choice_lists_the_files(tmp_path: Path, choice: str) -> None:
    glove = _zip(tmp_path / "glove.zip", a_txt=b"dog 1\n", b_txt=TEXT)
    with pytest.raises(SettingError) as error, open_glove(glove + choice):
        pass
    assert f"{glove}#a.txt, {glove}#b.txt" in str(error.value)
    assert str(error.value).endswith(f"Received: {glove}{choice}")


@pytest.mark.parametrize("name", ["wiki-news-300d-1M.vec", "GLOVE.TXT", "vectors", "a/b.txt"])
def test_open_glove_zip_with_one_file_of_any_name(tmp_path: Path, name: str) -> None:
    path = tmp_path / "glove.ZIP"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(name, TEXT)
        archive.writestr("__MACOSX/._x", b"")
        archive.writestr("README.txt", b"hello")
    assert _read(str(path)) == (name, TEXT)
    assert _read(f"{path}#{name}") == (name, TEXT)
    assert _read(f"{path}#README.txt") == ("README.txt", b"hello")


def test_open_glove_empty_zip_is_an_error(tmp_path: Path) -> None:
    glove = _zip(tmp_path / "glove.zip")
    with pytest.raises(SettingError, match=r"this zip is empty"), open_glove(glove):
        pass


@pytest.mark.parametrize("kind", ["gz", "zip"])
def test_open_glove_bomb_is_an_error(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"glove.{kind}"
    content = b"dog 1 2\n" * (40 << 17)
    if kind == "gz":
        path.write_bytes(gzip.compress(content))
    else:
        _zip(path, a_txt=content)
    with pytest.raises(DataError, match="more than 100 times its size"):
        _read(str(path))


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_open_glove_zip_of_other_compressions(tmp_path: Path, method: int) -> None:
    path = tmp_path / "glove.zip"
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("a.txt", TEXT * 9_000)
    assert _read(str(path)) == ("a.txt", TEXT * 9_000)


def test_open_glove_member_of_a_plain_file_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "glove.zip"
    path.write_bytes(TEXT)
    with pytest.raises(SettingError, match="not a zip"), open_glove(f"{path}#a.txt"):
        pass


def test_open_glove_encrypted_zip_is_an_error(tmp_path: Path) -> None:
    path = Path(_zip(tmp_path / "glove.zip", a_txt=TEXT))
    raw = bytearray(path.read_bytes())
    raw[raw.index(b"PK\x01\x02") + 8] |= 1  # the flag in the zip's central directory
    path.write_bytes(raw)
    with pytest.raises(SettingError, match="must not be encrypted"), open_glove(str(path)):
        pass


def test_open_glove_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="a file, not a folder"), open_glove(str(tmp_path)):
        pass


def test_open_glove_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="There is nothing at this path"):
        _read(str(tmp_path / "absent.txt"))


def test_open_glove_truncated_gzip_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "glove.gz"
    path.write_bytes(gzip.compress(TEXT * 100)[:-12])
    with pytest.raises(DataError, match=r"glove\.gz can't be read.*download it again"):
        _read(str(path))


def test_open_glove_zip_with_a_wrong_checksum_is_an_error(tmp_path: Path) -> None:
    path = Path(_zip(tmp_path / "glove.zip", a_txt=TEXT * 100))
    raw = bytearray(path.read_bytes())
    raw[raw.index(b"PK\x01\x02") + 16] ^= 0xFF  # CRC-32 in the zip's central directory
    path.write_bytes(raw)
    with pytest.raises(DataError, match="download it again: Bad CRC-32"):
        _read(str(path))
