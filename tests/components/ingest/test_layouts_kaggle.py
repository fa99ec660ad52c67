from pathlib import Path

import pytest

from components.errors import DataError
from components.ingest.sources import read_folder


def _captions(folder: Path, text: str) -> dict[str, list[str]]:
    (folder / "captions.txt").write_text(text, encoding="utf-8")
    return dict(read_folder(folder, str(folder)).captions)


def test_kaggle_captions_and_images(kaggle: Path) -> None:
    source = read_folder(kaggle, "kaggle")
    assert source.layout == "kaggle"
    assert source.split_lists == {}
    assert source.captions["07.jpg"] == ["Photo 07.jpg"]
    assert source.images["07.jpg"] == kaggle / "Images" / "07.jpg"


def test_kaggle_commas_and_quotes(tmp_path: Path) -> None:
    text = (
        "image,caption\n"
        'a.jpg,"A dog , a cat , and a ball ."\n'
        "a.jpg,A dog, a cat, and a ball\n"
        'a.jpg,"A man says ""hello"" , and waves ."\n'
        'a.jpg,A man says "hello"\n'
        "b.jpg,\n"
    )
    assert _captions(tmp_path, text) == {
        "a.jpg": [
            "A dog , a cat , and a ball .",
            "A dog, a cat, and a ball",
            'A man says "hello" , and waves .',
            'A man says "hello"',
        ],
        "b.jpg": [""],
    }


def test_kaggle_stray_quote_swallows_nothing(tmp_path: Path) -> None:
    text = 'image,caption\na.jpg,"A dog runs\nb.jpg,A cat "sits\nc.jpg,A bird\n'
    assert _captions(tmp_path, text) == {
        "a.jpg": ["A dog runs"],
        "b.jpg": ['A cat "sits'],
        "c.jpg": ["A bird"],
    }


def test_kaggle_windows_text(tmp_path: Path) -> None:
    assert _captions(tmp_path, "\ufeffimage,caption\r\nImages/a.jpg,A dog\r\n") == {
        "a.jpg": ["A dog"]
    }


@pytest.mark.parametrize("line", ["a.jpg A dog", ",A dog", "a dog runs"])
def test_kaggle_broken_line(tmp_path: Path, line: str) -> None:
    with pytest.raises(DataError, match=r"captions.txt, line 3: must be an image's name, a comma"):
        _captions(tmp_path, f"image,caption\na.jpg,A dog\n{line}\n")


def test_kaggle_endless_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"captions.txt, line 2: field larger than"):
        _captions(tmp_path, "image,caption\na.jpg," + "x" * 200_000)


def test_kaggle_other_header(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="No captions were recognised"):
        _captions(tmp_path, "name;text\na.jpg;A dog\n")
