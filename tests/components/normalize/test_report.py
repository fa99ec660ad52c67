from components.artifacts.captions import CaptionedPhoto
from components.artifacts.manifest import Photo
from components.captioning.model.vocabulary import SPECIAL_TOKENS, Vocabulary
from components.normalize.report import caption_report, report_lines


def _photo(image_id: str, split: str, *captions: str) -> Photo:
    return Photo(image_id, f"photos/{image_id}", "0" * 64, 4, 4, split, captions)


def test_caption_report_counts() -> None:
    photos = [
        _photo("1.jpg", "train", "A dog.", "...", "A dog!"),
        _photo("2.jpg", "dev", "A newt runs."),
        _photo("3.jpg", "test", "?!"),
    ]
    normalised = [
        CaptionedPhoto("1.jpg", "train", ("a dog", "a dog"), ((4, 5), (4, 5))),
        CaptionedPhoto("2.jpg", "dev", ("a newt runs",), ((4, 3, 3),)),
    ]
    assert caption_report(photos, normalised, Vocabulary([*SPECIAL_TOKENS, "a", "dog"]), 2) == {
        "min_count": 2,
        "vocabulary_size": 6,
        "longest_caption": 3,
        "words_per_caption": 7 / 3,
        "splits": {
            "train": {"photos": 1, "captions": 2, "words": 4, "unknown_share": 0.0},
            "dev": {"photos": 1, "captions": 1, "words": 3, "unknown_share": 2 / 3},
            "test": {"photos": 0, "captions": 0, "words": 0, "unknown_share": 0.0},
        },
        "captions_emptied": 2,
        "photos_without_caption": ["3.jpg"],
        "typed_tokens": {},
        "few_words": "",
    }


def test_caption_report_names_typed_tokens_and_few_words() -> None:
    photos = [
        _photo("1.jpg", "train", "&lt;start&gt; dog", "startseq dog endseq ."),
        _photo("2.jpg", "dev", "goose <s", "the start"),
    ]
    normalised = [CaptionedPhoto("1.jpg", "train", ("dog", "dog"), ((4,), (4,)))]
    report = caption_report(photos, normalised, Vocabulary([*SPECIAL_TOKENS, "dog"]), 1)
    assert report["typed_tokens"] == {"<start>": 1, "startseq": 1, "endseq": 1}
    assert "1.0 words on average" in report["few_words"]
    assert "'dog'" in report["few_words"]


def test_report_lines_name_counts_and_unknown_words() -> None:
    counts = {"photos": 2, "captions": 3, "words": 8, "unknown_share": 0.0}
    report = {
        "vocabulary_size": 9, "min_count": 1,
        "splits": {"train": counts, "test": {**counts, "unknown_share": 0.25}},
    }  # fmt: skip
    vocabulary, train, test = report_lines(report)
    for fact in ("5 words", "at least once", "4 special tokens"):
        assert fact in vocabulary
    assert train.startswith("train: 3 captions, 8 words")
    assert "all of them are in the vocabulary" in train
    assert "25.00 % of them are not in the vocabulary" in test
    assert "at least 5 times" in next(report_lines({**report, "min_count": 5}))
