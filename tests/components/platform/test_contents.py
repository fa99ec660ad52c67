from pathlib import Path

import pytest

from components.errors import DataError
from components.platform.contents import named_content, split_member


@pytest.mark.parametrize(
    ("uri", "parts"),
    [
        ("glove.txt", ("glove.txt", "")),
        ("gs://b/glove.6B.zip#glove.6B.50d.txt", ("gs://b/glove.6B.zip", "glove.6B.50d.txt")),
        ("odd#name.txt", ("odd#name.txt", "")),
    ],
)
def test_split_member(uri: str, parts: tuple[str, str]) -> None:
    assert split_member(uri) == parts


def test_named_content_of_a_word_is_the_word() -> None:
    assert named_content("imagenet", "imagenet", "random") == "imagenet"


def test_named_content_counts_content_and_member_but_not_the_name(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_text("x")
    (tmp_path / "b.zip").write_text("x")
    (tmp_path / "c.zip").write_text("y")
    a, b, c = (named_content(str(tmp_path / name)) for name in ("a.zip", "b.zip", "c.zip"))
    assert a == b != c
    assert named_content(f"{tmp_path / 'a.zip'}#one.txt") != a


def test_named_content_of_nothing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="Nothing lies at this path"):
        named_content(str(tmp_path / "gone"))
