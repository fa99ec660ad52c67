from pathlib import Path

import pytest

from components.errors import DataError
from components.ingest.layouts.text import read_text


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_encodings_and_line_ends(tmp_path: Path, encoding: str, line_end: str) -> None:
    text = line_end.join(["image,caption", "a.jpg,Ein Mädchen\x85 läuft", "b.jpg,犬", ""])
    (tmp_path / "captions.txt").write_bytes(text.encode(encoding))
    expected = "image,caption\na.jpg,Ein Mädchen\x85 läuft\nb.jpg,犬\n"
    assert read_text(tmp_path / "captions.txt") == expected


@pytest.mark.parametrize(
    ("caption", "encoding"),
    [
        ("A caf\u00e9\u2019s \u201cdog\u201d", "cp1252"), ("一只狗在草地上奔跑", "gb18030"),
        ("犬が走っている", "cp932"), ("Собака бежит по траве", "cp1251"),
    ],
)  # fmt: skip
def test_another_encoding_names_line_and_encoding(
    tmp_path: Path, caption: str, encoding: str
) -> None:
    file = tmp_path / "captions.txt"
    file.write_bytes(f"image,caption\na.jpg,A dog\nb.jpg,{caption}\n".encode(encoding))
    with pytest.raises(DataError) as caught:
        read_text(file)
    for fact in ("captions.txt", "Line 3", f"iconv -f {encoding.upper()}", f"b.jpg,{caption}"):
        assert fact in str(caught.value)
