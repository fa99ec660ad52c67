from typing import Any

from components.ingest.report.table import summarize, table_lines

_COUNTS = dict.fromkeys(
    (
        "empty_captions", "too_long_captions", "in_no_split", "dropped_leakage", "near_duplicates",
        "duplicates", "same_in_dev_and_test", "images_without_caption", "loosely_matched",
    ),
    0,
)  # fmt: skip
_REPORT: dict[str, Any] = {
    "source": "csv",
    "photos": 6996,
    "captions": 34980,
    "splits": {"train": 5996, "dev": 500, "test": 500},
    "splits_from": "train.txt, val.txt, test.txt",
    "words": {
        "total": 9,
        "distinct": 8290,
        "per_caption": 10.81,
        "unknown_share": 0.0133,
        "unspaced_share": 0.01,
    },
    "language": "und",
    "language_from": "detected",
    "findings": [],
    "captions_without_image": [],
    "quarantined_by_reason": {},
    "notes": [],
    "counts": _COUNTS,
}


def _lines(report: dict[str, Any]) -> list[str]:
    return table_lines({"summary": summarize(report)})


def test_table_lines_of_a_sound_data_set() -> None:
    assert [line.split(maxsplit=1) for line in _lines(_REPORT)] == [
        ["photos", "6,996 (csv)"],
        ["captions", "34,980, 10.8 words on average"],
        ["splits", "train 5,996, dev 500, test 500"],
        ["splits", "from  train.txt, val.txt, test.txt"],
        ["words", "8,290 distinct; 1.3% of the words in dev and test are not in train"],
        ["language", "not detected; set it with --language, for pages and speech"],
        ["missing", "none"],
        ["quarantined", "none"],
        ["look-alikes", "none"],
    ]


def test_table_lines_are_one_for_each_row() -> None:
    notes = [" ".join(f"word{number}" for number in range(60))]
    assert [
        line for line in _lines({**_REPORT, "notes": notes}) if line[:5] in ("words", "note ")
    ] == [
        "words        8,290 distinct; 1.3% of the words in dev and test are not in train",
        f"note         {notes[0]}",
    ]


def test_table_lines_tell_all_that_was_left_out() -> None:
    report = {
        **_REPORT,
        "captions_without_image": ["[b]a.jpg", "b.jpg", "c.jpg"],
        "quarantined_by_reason": {"the file is empty": 2, "the image does not decode fully": 1},
        "findings": [{"text": "8 test photos"}, {"text": "Captions have 1.0 words on average"}],
        "language": "zh",
        "notes": ["captions.csv: read once", "two\nlines\x1b[31m.csv: read twice"],
        "counts": {**_COUNTS, **dict.fromkeys(_COUNTS, 1)},
    }
    text = "\n".join(_lines(report))
    for fact in (
        "1 empty", "1 too long", "1 in no split", "1 left out of train",
        "3 captioned photos: [b]a.jpg, b.jpg, …",
        "2: the file is empty; 1: the image does not decode fully",
        "1 pair between train and dev or test (1 identical within a split, 1 in both)",
        "1 image file", "1 photo found by a similar name", "captions.csv: read once",
        "zh (detected)", "8 test photos", "Captions have 1.0 words",
        r"two\nlines\x1b[31m.csv: read twice",
    ):  # fmt: skip
        assert fact in text


def test_table_lines_of_a_script_without_spaces_count_characters() -> None:
    words = {**_REPORT["words"], "unspaced_share": 0.9}
    rows = dict(summarize({**_REPORT, "words": words}))
    assert rows["captions"].endswith("10.8 characters on average")
    assert rows["characters"].startswith("8,290 distinct; 1.3% of the characters")
