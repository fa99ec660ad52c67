from pathlib import Path
from typing import Any

import pytest

from components.artifacts.external import external_content_hash, split_member
from components.errors import DataError


@pytest.mark.parametrize(
    ("uri", "parts"),
    [
        ("glove.txt", ("glove.txt", "")),
        ("s3://b/glove.6B.zip#glove.6B.50d.txt", ("s3://b/glove.6B.zip", "glove.6B.50d.txt")),
        ("odd#name.txt", ("odd#name.txt", "")),
    ],
)
def test_split_member(uri: str, parts: tuple[str, str]) -> None:
    assert split_member(uri) == parts


def test_external_content_hash_of_a_keyword_is_the_keyword() -> None:
    assert external_content_hash("imagenet", "imagenet", "random") == "imagenet"


def test_external_content_hash_covers_content_and_member_but_not_the_name(tmp_path: Path) -> None:
    for name, text in {"a.zip": "x", "b.zip": "x", "c.zip": "y"}.items():
        (tmp_path / name).write_text(text)
    a, b, c = (external_content_hash(str(tmp_path / name)) for name in ("a.zip", "b.zip", "c.zip"))
    assert a == b != c
    assert external_content_hash(f"file://{tmp_path}/a.zip") == a
    assert external_content_hash(f"{tmp_path}/a.zip#one.txt") == f"{a} one.txt"


def test_external_content_hash_of_objects_downloads_nothing(
    bucket: Any, s3_bucket: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, text in {
        "one/a": "dogs",
        "two/a": "dogs",
        "three/a": "cats",
        "four/b": "dogs",
    }.items():
        bucket.blob(name).upload_from_string(text)
        s3_bucket.put_object(Key=name, Body=text.encode())
    for scheme in ("gs", "s3"):
        names = ("one", "two", "three", "four", "one/a", "three/a")
        one, two, three, four, file, other = (
            external_content_hash(f"{scheme}://runs/{name}") for name in names
        )
        assert one == two
        assert len({one, three, four, file, other}) == 5
        assert len(one) == 64
    assert not list(tmp_path.iterdir())


def test_external_content_hash_of_a_missing_path_is_an_error(bucket: Any, tmp_path: Path) -> None:
    for uri in (str(tmp_path / "gone"), "gs://runs/gone"):
        with pytest.raises(DataError, match=f"There is nothing at this path.*{uri}"):
            external_content_hash(uri)
