from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components.errors import DataError
from components.ingest.check import check_dataset
from components.ingest.report.table import table_lines
from components.settings.data import DataSettings


def test_check_dataset_reports_and_leaves_the_data_set_as_it_is(flickr8k: Path) -> None:
    before = sorted(flickr8k.rglob("*"))
    report = check_dataset(DataSettings(dataset=str(flickr8k)))
    assert report["splits"] == {"train": 4, "dev": 1, "test": 1}
    assert sorted(flickr8k.rglob("*")) == before


def test_check_dataset_fails_as_ingest_does(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="No captions were recognised"):
        check_dataset(DataSettings(dataset=str(tmp_path)))


def test_check_dataset_warns_of_typed_tokens_and_few_words(flickr8k: Path) -> None:
    lines = "".join(f"{x}.jpg#0\t<start> {x} <end>\n" for x in "abcdef")
    (flickr8k / "Flickr8k.token.txt").write_text(lines)
    report = check_dataset(DataSettings(dataset=str(flickr8k)))
    assert "typed_tokens" in [finding["kind"] for finding in report["findings"]]
    # The normalizer keeps the tokens' words: three words a caption.
    assert report["words"]["per_caption"] == 3
    assert "<end> in 6, <start> in 6" in "\n".join(table_lines(report))

    (flickr8k / "Flickr8k.token.txt").write_text("".join(f"{x}.jpg#0\tdog\n" for x in "abcdef"))
    lines = "\n".join(table_lines(check_dataset(DataSettings(dataset=str(flickr8k)))))
    assert "1.0 words on average, such as 'dog'" in lines


@pytest.mark.parametrize("where", ["folders", "lists", "column"])
def test_check_dataset_of_train_and_test_takes_dev_from_train(
    dataset: Callable[[dict[str, Any]], Path], where: str
) -> None:
    folders = where == "folders"
    split_of = {
        f"{split}/{n}.jpg" if folders else f"{n}.jpg": split
        for split, numbers in (("train", range(30)), ("test", range(30, 34)))
        for n in numbers
    }
    column = where == "column"
    table = f"image,caption{',split' if column else ''}\n" + "".join(
        f"{photo},A dog runs{f',{split}' if column else ''}\n" for photo, split in split_of.items()
    )
    files: dict[str, Any] = {photo: n for n, photo in enumerate(split_of)}
    for split in ("train", "test") if where == "lists" else ():
        files[f"{split}.txt"] = "\n".join(p for p, its in split_of.items() if its == split)
    settings = DataSettings(dataset=str(dataset({"captions.csv": table, **files})), dev_share=0.3)
    report = check_dataset(settings)
    assert report["splits"]["test"] == 4
    assert report["splits"]["train"] + report["splits"]["dev"] == 30
    assert report["splits"]["dev"] > 0
    [row] = [text for title, text in report["summary"] if title == "splits from"]
    assert "0.3 of train is dev" in row
