from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components.errors import DataError
from components.ingest.reading.source import Source
from components.ingest.reading.sources import read_folder

Dataset = Callable[[dict[str, Any]], Path]


def _source(folder: Path, content: str | bytes, name: str = "captions.txt") -> Source:
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return read_folder(folder, str(folder))


def _captions(folder: Path, content: str | bytes, name: str = "captions.txt") -> dict[str, Any]:
    return dict(_source(folder, content, name).captions)


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
    assert _captions(tmp_path, text) == {
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
    assert _captions(tmp_path, "\r\n".join(lines)) == {
        "a.jpg": ["A dog"],
        "b.jpg": [captions[1]],
        "c.jpg": ["A cat"],
    }


def test_csv_quoted_caption_over_several_lines_of_photos_without_endings(tmp_path: Path) -> None:
    text = 'image,caption\n7,"A dog\nruns"\n8,A cat\n'
    assert _captions(tmp_path, text) == {"7": ["A dog\nruns"], "8": ["A cat"]}


def test_csv_stray_quote_swallows_nothing(tmp_path: Path) -> None:
    text = (
        'image,caption\na.jpg,"A dog runs\nb.jpg,A cat "sits\nc.jpg,A bird\n'
        'd.jpg,"A 5" pipe\ne.jpg,"the end"\nf.jpg,"\n'
    )
    assert _captions(tmp_path, text) == {
        "a.jpg": ["A dog runs"],
        "b.jpg": ['A cat "sits'],
        "c.jpg": ["A bird"],
        "d.jpg": ["A 5 pipe"],
        "e.jpg": ["the end"],
        "f.jpg": [""],
    }


def test_csv_stray_quote_where_the_photo_comes_last(tmp_path: Path) -> None:
    text = 'caption,image\n"A dog runs,a.jpg\nA cat "sits,b.jpg\nA "big" bird,c.jpg\n'
    assert _captions(tmp_path, text) == {
        "a.jpg": ["A dog runs"],
        "b.jpg": ['A cat "sits'],
        "c.jpg": ['A "big" bird'],
    }


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
    (found,) = _captions(tmp_path, table, name).items()
    assert (found[0], [text.strip() for text in found[1]]) == ("a.jpg", ["A dog"])


@pytest.mark.parametrize("header", ["caption_1,caption_2", "caption,caption", "caption,caption.1"])
def test_csv_several_columns_of_captions(tmp_path: Path, header: str) -> None:
    text = f"image,{header}\na.jpg,A dog,One dog\n"
    assert _captions(tmp_path, text) == {"a.jpg": ["A dog", "One dog"]}


def test_csv_flickr30k_as_on_hugging_face(tmp_path: Path) -> None:
    text = (
        "raw,sentids,split,filename,img_id\n"
        '"[""A dog, running"", ""A """"dog""""""]","[0, 1]",train,1.jpg,0\n'
        '"[""A cat""]",[5],val,2.jpg,1\n'
    ).replace('""""dog""""', '\\""dog\\""')
    source = _source(tmp_path, text, "flickr_annotations_30k.csv")
    assert source.captions == {"1.jpg": ["A dog, running", 'A "dog"'], "2.jpg": ["A cat"]}
    assert source.splits.lists == {
        "train": frozenset({"1.jpg"}), "dev": frozenset({"2.jpg"}), "test": frozenset(),
    }  # fmt: skip


def test_csv_unquoted_commas_in_a_table_with_more_columns(tmp_path: Path) -> None:
    text = "image,caption,split\na.jpg,A dog, a cat, a bird,train\nb.jpg,A dog,test\n"
    source = _source(tmp_path, text)
    assert source.captions == {"a.jpg": ["A dog, a cat, a bird"], "b.jpg": ["A dog"]}
    assert source.splits.lists == {"train": frozenset({"a.jpg"}), "test": frozenset({"b.jpg"})}
    assert source.splits.origin == "the column `split` in captions.txt"


def test_flickr30k_known_broken_line_is_mended_and_named(tmp_path: Path) -> None:
    text = (
        "image_name| comment_number| comment\n"
        'a.jpg| 3| A man says " hello ", and a|b .\n'
        "a.jpg| 4   A dog runs across the grass .\n"
    )
    source = _source(tmp_path, text, "results.csv")
    assert [caption.strip() for caption in source.captions["a.jpg"]] == [
        'A man says " hello ", and a|b .',
        "A dog runs across the grass .",
    ]
    assert source.notes == [
        "results.csv: lines without a delimiter after the caption's number, corrected: 1"
    ]


def test_csv_unquoted_comma_in_a_photos_name(dataset: Dataset) -> None:
    table = (
        "image,caption\nRome, Italy.jpg,A dog, running\nRome, Italy.jpg,A cat\n"
        "Oslo, Norway.jpg,Not there\na,b,A photo without ending\nplain.jpg,A dog, a cat\n"
    )
    folder = dataset(
        {"captions.txt": table, "Images/Rome, Italy.jpg": 1, "Images/a,b": 2, "plain.jpg": 3}
    )
    source = read_folder(folder, "set")
    assert source.captions == {
        "Rome, Italy.jpg": ["A dog, running", "A cat"],
        "Oslo, Norway.jpg": ["Not there"],
        "a,b": ["A photo without ending"],
        "plain.jpg": ["A dog, a cat"],
    }
    assert source.images.keys() == {"Rome, Italy.jpg", "a,b", "plain.jpg"}


def test_csv_unquoted_comma_in_a_caption_before_the_photo(dataset: Dataset) -> None:
    table = "caption,image\nA big, brown dog,a.jpg\nA cat,Rome, Italy.jpg\nA hen, red,b.jpg\n"
    files = {"captions.csv": table, "a.jpg": 1, "Rome, Italy.jpg": 2}
    assert read_folder(dataset(files), "mine").captions == {
        "a.jpg": ["A big, brown dog"],
        "Rome, Italy.jpg": ["A cat"],
        "b.jpg": ["A hen, red"],
    }


def test_csv_header_repeated_where_tables_were_joined(tmp_path: Path) -> None:
    text = "\ufeffimage,caption\na.jpg,A dog\n\ufeffimage,caption\nb.jpg,A cat\n"
    source = _source(tmp_path, text)
    assert source.captions == {"a.jpg": ["A dog"], "b.jpg": ["A cat"]}
    assert "repeated header" in source.notes[0]


def test_csv_captions_twice_over_are_read_once(tmp_path: Path) -> None:
    rows = "a.jpg,A dog\na.jpg,A dog\nb.jpg,A cat\n"
    source = _source(tmp_path, "image,caption\n" + rows * 2)
    # Two people did write the same words.
    assert source.captions == {"a.jpg": ["A dog", "A dog"], "b.jpg": ["A cat"]}
    assert "captions.txt contains all of its captions twice" in source.notes[0]


@pytest.mark.parametrize("line", ["a.jpg A dog", ",A dog", "a dog runs"])
def test_csv_broken_line(tmp_path: Path, line: str) -> None:
    with pytest.raises(
        DataError, match=r"captions.txt, line 3: must have the columns image,caption"
    ):
        _captions(tmp_path, f"image,caption\na.jpg,A dog\n{line}\n")


def test_csv_endless_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"captions.txt, line 2: field larger than"):
        _captions(tmp_path, "image,caption\na.jpg," + "x" * 200_000)


def test_csv_split_column_with_an_unknown_word(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"captions.txt, line 2: a split .* Found: 'holdout'"):
        _captions(tmp_path, "image,caption,split\na.jpg,A dog,holdout\n")


def test_csv_photo_in_two_splits(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"line 3: a.jpg is in test here, but in train"):
        _captions(tmp_path, "image,caption,split\na.jpg,A dog,train\na.jpg,A cat,test\n")


def test_csv_other_header(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="No captions were recognised"):
        _captions(tmp_path, "name;text\na.jpg;A dog\n")


@pytest.mark.parametrize("delimiter", [",", "\t", ";"])
def test_csv_of_write_table_whose_rows_begin_with_a_number(tmp_path: Path, delimiter: str) -> None:
    rows = [
        ["image", "caption", "split"],
        ["1", "1.jpg", "A dog, running", "train"],
        ["2", "2.jpg", "A cat\nasleep", "test"],
    ]
    text = "".join(delimiter.join(f'"{field}"' for field in row) + "\n" for row in rows)
    source = _source(tmp_path, text, "captions.csv")
    assert source.captions == {"1.jpg": ["A dog, running"], "2.jpg": ["A cat\nasleep"]}
    assert source.splits.lists["train"] == {"1.jpg"}
    assert source.splits.origin == "the column `split` in captions.csv"


def test_csv_of_a_photo_whose_name_has_a_comma_after_a_number(dataset: Dataset) -> None:
    files = {"1,a.jpg": 1, "captions.csv": "image,caption\n1,a.jpg,A dog\n"}
    assert read_folder(dataset(files), "mine").captions == {"1,a.jpg": ["A dog"]}
