from pathlib import Path

import pytest

from components.errors import DataError
from components.ingest.reading.explanations import nothing_matched, why_unmatched
from components.ingest.reading.source import Source
from components.ingest.reading.sources import read_folder


def _source(names: list[str], there: list[str]) -> Source:
    captions = {name: ["A dog"] for name in names}
    return Source("csv", Path(), captions, {}, uncaptioned=there)


@pytest.mark.parametrize(
    ("names", "there", "facts"),
    [
        (["a.jpg"], [], ["'a.jpg'", "no photos", "Put the photos into"]),
        (["x/a.jpg"], ["Images/a.jpg"], ["folders differ", "'x/a.jpg'", "'Images/a.jpg'"]),
        (["a"], ["a.jpg", "a.png"], ["not clear", "'a.jpg'", "'a.png'"]),
        (["image_id 7"], ["a.jpg"], ["`image_id`", "'image_id 7'", "'a.jpg'"]),
        (["https:/x.org/a.jpg"], [], ["by URL", "'https:/x.org/a.jpg'", "download"]),
        (["https:/x.org/a.jpg"], ["b.jpg"], ["by URL", "'https:/x.org/a.jpg'", "download"]),
        (["a.jpg"], ["IMG_1.jpg"], ["another data set", "'a.jpg'", "'IMG_1.jpg'"]),
    ],
)
def test_nothing_matched_says_why(names: list[str], there: list[str], facts: list[str]) -> None:
    source = _source(names, there)
    message = nothing_matched(source, source.captions, "mine")
    for fact in ("mine", *facts):
        assert fact in message


def test_nothing_matched_where_all_captions_are_empty() -> None:
    message = nothing_matched(_source(["a.jpg", "b.jpg"], ["a.jpg"]), {}, "mine")
    assert "captions of 2 photos, but all of them are empty" in message


def test_why_unmatched_without_other_files() -> None:
    assert why_unmatched(["a.jpg"], []) == "Add the photos that are missing"


@pytest.mark.parametrize(
    "table", ["caption,url\nA dog,http://x.org/a.jpg\n", "A dog\thttps://x.org/a.jpg\n"]
)
def test_nothing_recognised_where_photos_are_named_by_url(tmp_path: Path, table: str) -> None:
    (tmp_path / "train.tsv").write_text(table)
    with pytest.raises(DataError, match=r"train.tsv.*by URL.*download"):
        read_folder(tmp_path, "mine")


def test_photos_named_by_url_whose_files_are_there_are_found(tmp_path: Path) -> None:
    (tmp_path / "captions.csv").write_text("image,caption\nhttps://x.org/set/a.jpg,A dog\n")
    (tmp_path / "a.jpg").write_bytes(b"x")
    assert read_folder(tmp_path, "mine").images.keys() == {"a.jpg"}


@pytest.mark.parametrize(
    ("name", "content", "facts"),
    [
        ("captions.xlsx", b"PK\3\4", ["captions.xlsx", "CSV"]),
        ("data/train-00000-of-00001.parquet", b"PAR1", ["00001.parquet", "CSV", "as files"]),
        ("metadata.jsonl", b'{\n "image": "a.jpg",\n "label": ""}', ["label", "caption, captions"]),
        ("data.csv", b"image,title\na.jpg,A dog", ["image,title", "caption, captions"]),
    ],
)  # fmt: skip
def test_nothing_recognised_says_what_to_change(
    tmp_path: Path, name: str, content: bytes, facts: list[str]
) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_bytes(content)
    (tmp_path / "a.jpg").write_bytes(b"x")
    with pytest.raises(DataError) as caught:
        read_folder(tmp_path, "mine")
    for fact in facts:
        assert fact in str(caught.value)
