import pytest

from components.artifacts.manifest import Photo
from components.ingest.captions.words import count_words


def _photo(split: str, *captions: str) -> Photo:
    return Photo(split, "uri", "sha", 9, 9, split, captions)


def test_count_words() -> None:
    words = count_words(
        [
            _photo("train", "A dog , a Dog .", "The dog's ball"),
            _photo("dev", "A cat"),
            _photo("test", "The man-made dog"),
        ]
    )
    # a dog a dog the dog's ball | a cat | the man made dog; cat, man and made are not in train
    assert words == {
        "total": 13,
        "distinct": 8,
        "per_caption": pytest.approx(13 / 4),
        "unknown_share": pytest.approx(3 / 6),
    }


def test_count_words_of_scripts_without_spaces_and_with_marks() -> None:
    photos = [_photo("train", "一只狗。", "می\u200cرود"), _photo("test", "कुत्ता &amp; 狗")]
    assert count_words(photos)["total"] == 3 + 1 + 2


def test_count_words_of_nothing() -> None:
    assert count_words([]) == {
        "total": 0, "distinct": 0, "per_caption": 0.0, "unknown_share": 0.0
    }  # fmt: skip
