"""Tables in the dialects of CSV, and those that are refused."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tables import captions_of, read_table

from components.errors import DataError
from components.ingest.reading.sources import read_folder

Dataset = Callable[[dict[str, Any]], Path]


def test_csv_captions_and_images(kaggle: Path) -> None:
    source = read_folder(kaggle, "kaggle")
    assert source.layout == "csv"
    assert source.splits.lists == {}
    assert source.captions["07.jpg"] == ["Photo 07.jpg"]
    assert source.images["07.jpg"] == kaggle / "Images" / "07.jpg"


def test_csv_commas_and_quotes(tmp_path: Path) -> None:
    text = (
        "image,caption\n"
        'a.jpg,"A dog , a cat , and a ball ."\n'
        "a.jpg,A dog, a cat, and a ball\n"
        'a.jpg,"A man says ""hello"" , and waves ."\n'
        'a.jpg,"A man says \\"hello\\" , and waves ."\n'
        'a.jpg,A man says "hello"\n'
        "b.jpg,\n"
    )
    assert captions_of(tmp_path, text) == {
        "a.jpg": [
            "A dog , a cat , and a ball .",
            "A dog, a cat, and a ball",
            'A man says "hello" , and waves .',
            'A man says "hello" , and waves .',
            'A man says "hello"',
        ],
        "b.jpg": [""],
    }


@pytest.mark.parametrize(("header", "first"), [("image,caption", True), ("caption,image", False)])
def test_csv_quoted_caption_over_several_lines(tmp_path: Path, header: str, first: bool) -> None:
    captions = ["A dog", 'A man\n\nat a "stall",\nand a woman, in red', "A cat"]
    lines = [header]
    for letter, caption in zip("abc", captions, strict=True):
        quoted = f'"{caption.replace(chr(34), 2 * chr(34))}"'
        lines.append(f"{letter}.jpg,{quoted}" if first else f"{quoted},{letter}.jpg")
    assert captions_of(tmp_path, "\r\n".join(lines)) == {
        "a.jpg": ["A dog"],
        "b.jpg": [captions[1]],
        "c.jpg": ["A cat"],
    }


def test_csv_quoted_caption_over_several_lines_of_photos_without_endings(tmp_path: Path) -> None:
    text = 'image,caption\n7,"A dog\nruns"\n8,A cat\n'
    assert captions_of(tmp_path, text) == {"7": ["A dog\nruns"], "8": ["A cat"]}


@pytest.mark.parametrize(
    ("table", "name"),
    [
        ('"image","caption"\n"a.jpg","A dog"\n', "captions.txt"),
        ("image;caption\na.jpg;A dog\n", "captions.csv"),
        ('"caption", "image"\n"A dog", "a.jpg"\n', "captions.csv"),
        ('image, caption\na.jpg, "A dog"\n', "captions.csv"),
        ('image;caption\na.jpg;"A dog"\n', "captions.csv"),
        ("image\tcaption\na.jpg\tA dog\n", "captions.tsv"),
        (",image,caption\n0,a.jpg,A dog\n", "train_captions.csv"),
        ("caption,image\nA dog,a.jpg\n", "x.csv"),
        ("Image Name , Caption \na.jpg,A dog\n", "x.csv"),
        ("id,file_name,width,caption,url\n1,a.jpg,20,A dog,http://x\n", "metadata.csv"),
        ("image,image_id,caption\na.jpg,7,A dog\n", "x.csv"),
        ("file_name,text\na.jpg,A dog\n", "metadata.csv"),
        ("image,caption,\na.jpg,A dog,\n", "x.csv"),
        ("Image File,Caption Text\na.jpg,A dog\n", "x.csv"),
        ("img_name,image_caption\na.jpg,A dog\n", "x.csv"),
        ("image_name| comment_number| comment\na.jpg| 0| A dog\n", "results.csv"),
        ("image_name,comment_number,comment\na.jpg,0,A dog\n", "captions.txt"),
        ("sep=;\nimage;caption\na.jpg;A dog\n", "captions.csv"),
        ("\n\nimage,caption\n\na.jpg,A dog\n\n", "captions.txt"),
    ],
)
def test_csv_dialects(tmp_path: Path, table: str, name: str) -> None:
    (found,) = captions_of(tmp_path, table, name).items()
    assert (found[0], [text.strip() for text in found[1]]) == ("a.jpg", ["A dog"])


@pytest.mark.parametrize("header", ["caption_1,caption_2", "caption,caption", "caption,caption.1"])
def test_csv_several_columns_of_captions(tmp_path: Path, header: str) -> None:
    text = f"image,{header}\na.jpg,A dog,One dog\n"
    assert captions_of(tmp_path, text) == {"a.jpg": ["A dog", "One dog"]}


def test_csv_flickr30k_as_on_hugging_face(tmp_path: Path) -> None:
    text = (
        "raw,sentids,split,filename,img_id\n"
        '"[""A dog, running"", ""A """"dog""""""]","[0, 1]",train,1.jpg,0\n'
        '"[""A cat""]",[5],val,2.jpg,1\n'
    ).replace('""""dog""""', '\\""dog\\""')
    source = read_table(tmp_path, text, "flickr_annotations_30k.csv")
    assert source.captions == {"1.jpg": ["A dog, running", 'A "dog"'], "2.jpg": ["A cat"]}
    assert source.splits.lists == {
        "train": frozenset({"1.jpg"}), "dev": frozenset({"2.jpg"}), "test": frozenset(),
    }  # fmt: skip


@pytest.mark.parametrize("line", ["a.jpg A dog", ",A dog", "a dog runs"])
def test_csv_broken_line(tmp_path: Path, line: str) -> None:
    with pytest.raises(
        DataError, match=r"captions.txt, line 3: must have the columns image,caption"
    ):
        captions_of(tmp_path, f"image,caption\na.jpg,A dog\n{line}\n")


def test_csv_endless_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"captions.txt, line 2: field larger than"):
        captions_of(tmp_path, "image,caption\na.jpg," + "x" * 200_000)


def test_csv_split_column_with_an_unknown_word(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"captions.txt, line 2: a split .* Found: 'holdout'"):
        captions_of(tmp_path, "image,caption,split\na.jpg,A dog,holdout\n")


def test_csv_photo_in_two_splits(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"line 3: a.jpg is in test here, and in train before"):
        captions_of(tmp_path, "image,caption,split\na.jpg,A dog,train\na.jpg,A cat,test\n")


def test_csv_other_header(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="No captions were recognised"):
        captions_of(tmp_path, "name;text\na.jpg;A dog\n")
