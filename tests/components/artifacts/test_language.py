from pathlib import Path

import pytest

from components.artifacts.language import LANGUAGE_FILE, read_language, write_language


def test_language_of_a_bundle(tmp_path: Path) -> None:
    assert read_language(tmp_path) == "und"
    write_language(tmp_path, "zh-Hant")
    assert read_language(tmp_path) == "zh-Hant"


@pytest.mark.parametrize("content", [b"", b"-v", b"en --x", b"\xff", b"e" * 500, b"en\nde"])
def test_language_that_is_no_tag_is_unknown(tmp_path: Path, content: bytes) -> None:
    (tmp_path / LANGUAGE_FILE).write_bytes(content)
    assert read_language(tmp_path) == "und"
