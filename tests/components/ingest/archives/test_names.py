import io
import tarfile
import unicodedata
import zipfile
import zlib
from pathlib import Path

import pytest

from components.ingest.archives.names import (
    choose_encoding,
    decode_name,
    inner_path,
    zip_name,
)
from components.ingest.archives.unpacking import unpack

# Names as people give them, and the code pages of their computers.
NAMES = {
    "cp850": ["M\u00e4dchen", "caf\u00e9", "\u00d8stersj\u00f8"],
    "cp1252": ["M\u00e4dchen", "na\u00efve"],
    "gb18030": ["\u72ac01", "\u8bda\u5b9e", "\u8054\u901a"],
    "cp932": ["\u732b", "\u8868\u793a"],  # the second has a backslash among its bytes
    "cp866": ["\u0441\u043e\u0431\u0430\u043a\u0430"],
    "cp1251": ["\u0441\u043e\u0431\u0430\u043a\u0430"],
    "utf-8": ["\u732b01", "caffe\u0300", "cho\u0301"],
}


def _zip_with_raw_names(path: Path, members: dict[bytes, bytes]) -> Path:
    """As programs write it that know nothing of zip's flag for UTF-8."""
    with zipfile.ZipFile(path, "w") as archive:
        for number, content in enumerate(members.values()):
            archive.writestr(f"{number:04}{'_' * (len(list(members)[number]) - 4)}", content)
    raw = path.read_bytes()
    for number, name in enumerate(members):
        raw = raw.replace(f"{number:04}{'_' * (len(name) - 4)}".encode(), name)
    path.write_bytes(raw)
    return path


def _tar_with_raw_names(path: Path, members: dict[bytes, bytes]) -> Path:
    with tarfile.open(path, "w:gz", format=tarfile.GNU_FORMAT, encoding="utf-8") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name.decode(errors="surrogateescape"))
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


@pytest.mark.parametrize("encoding", list(NAMES))
@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_unpack_names_in_the_encoding_that_captions_tell(
    tmp_path: Path, encoding: str, kind: str
) -> None:
    names = [f"{name}.jpg" for name in NAMES[encoding]]
    members = {f"set/Images/{name}".encode(encoding): name.encode() for name in names}
    # Captions may compose letters otherwise than file names do.
    captions = "image,caption\n" + "".join(f"{name},words\n" for name in names)
    members[b"set/captions.txt"] = unicodedata.normalize("NFC", captions).encode()
    make = _zip_with_raw_names if kind == "zip" else _tar_with_raw_names
    unpack(make(tmp_path / f"set.{kind}", members), tmp_path / "out")
    found = {path.name: path.read_bytes() for path in (tmp_path / "out/set/Images").iterdir()}
    assert found == {name: name.encode() for name in names}
    assert (tmp_path / "out/set/captions.txt").exists()


def test_choose_encoding_reads_escapes_of_json() -> None:
    names = [name.encode("gb18030") for name in NAMES["gb18030"]]
    text = b'{"file_name": "\\u72ac01.jpg"}'
    assert choose_encoding(names, [text]) == "gb18030"


def test_choose_encoding_without_captions_is_utf8_if_possible() -> None:
    assert choose_encoding(["\u732b".encode()], []) == "utf-8"
    assert choose_encoding([b"\x84"], [b"nothing"]) == "cp437"


def test_decode_name_that_does_not_fit_is_decoded_all_the_same() -> None:
    assert decode_name(b"M\x84dchen", "utf-8") == "M\u00e4dchen"
    assert decode_name("\u732b".encode(), "ascii") == "\u732b"


def test_zip_name_of_unicode_path_field() -> None:
    raw, text = b"M\x84dchen.jpg", "M\u00e4dchen.jpg"
    info = zipfile.ZipInfo(raw.decode("cp437"))
    value = b"\1" + zlib.crc32(raw).to_bytes(4, "little") + text.encode()
    info.extra = b"\x75\x70" + len(value).to_bytes(2, "little") + value
    assert zip_name(info) == text
    info.extra = info.extra[:5] + b"\0\0\0\0" + info.extra[9:]  # of another name
    assert zip_name(info) == raw
    info.flag_bits |= 0x800
    assert zip_name(info) == raw.decode("cp437")


@pytest.mark.parametrize(
    ("name", "path"),
    [("a/b", "a/b"), ("a\\b", "a/b"), ("./a//b/", "a/b"), ("", None), (".", None), ("a\0b", None)],
)
def test_inner_path(name: str, path: str | None) -> None:
    assert inner_path(name) == (Path(path) if path else None)
