from pathlib import Path

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
    assert report["typed_tokens"] == {"<end>": 6, "<start>": 6}
    # The normalizer keeps the tokens' words: three words a caption.
    assert report["words"]["per_caption"] == 3
    assert "<end> in 6, <start> in 6" in "\n".join(table_lines(report))

    (flickr8k / "Flickr8k.token.txt").write_text("".join(f"{x}.jpg#0\tdog\n" for x in "abcdef"))
    lines = "\n".join(table_lines(check_dataset(DataSettings(dataset=str(flickr8k)))))
    assert "1.0 words on average, such as 'dog'" in lines
