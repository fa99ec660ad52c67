import pytest
import tensorflow as tf

from components.artifacts.manifest import Photo
from components.captioning.model.normalizer import NORMALIZER
from components.ingest.captions.words import caption_words, count_words


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
        "unspaced_share": 0.0,
        "lengths": [0, 0, 1, 1, 2],
    }


def test_count_words_of_scripts_without_spaces_and_with_marks() -> None:
    photos = [_photo("train", "一只狗。", "می\u200cرود"), _photo("test", "कुत्ता &amp; 狗")]
    words = count_words(photos)
    assert words["total"] == 3 + 1 + 2
    assert words["unspaced_share"] == pytest.approx(4 / 6)
    assert words["lengths"] == [0, 1, 1, 1]


def test_count_words_of_nothing() -> None:
    assert count_words([]) == {
        "total": 0, "distinct": 0, "per_caption": 0.0, "unknown_share": 0.0,
        "unspaced_share": 0.0, "lengths": [],
    }  # fmt: skip


@pytest.mark.parametrize(
    "caption",
    [
        "A man's dog\u2019s T-shirt, no. 42!", "dog\u00b4s `big' toys' ''", "'Tis rock'n'roll",
        "A man&#39;s dog &amp;amp; caf\u00e9", "cafe\u0301 \u00c9COLE d'\u00c9t\u00e9",
        "iPhone\u3092\u6301\u3064\u5973\u6027\u3068T\u30b7\u30e3\u30c4\u306e\u72ac\u3002",
        "\u30b3\u30fc\u30d2\u30fc 3\u676f", "\u4e00\u53ea\u72d7\u5728\u8349\u5730\u4e0a\u8dd1",
        "\u0e2a\u0e38\u0e19\u0e31\u0e02\u0e27\u0e34\u0e48\u0e07\u0e19\u0e49\u0e33",
        "\u0645\u06cc\u200c\u0631\u0648\u062f \u0645\u0640\u0640\u0627",
        "\u0915\u0941\u0924\u094d\u0924\u093e \u0926\u094c\u0921\u093c",
        "\uac15\uc544\uc9c0\uac00 \ub6f4\ub2e4", "auf\u200clage soft\u00adware \u200cdog\u200d",
        "I \u2764\ufe0f 3\ufe0f\u20e3 dogs \U0001f468\u200d\U0001f467", "... \u2764\ufe0f",
        "\u3007\u4e8c\u3007 20\u3007", "<start> a dog <end>", "\u0301x \u0130stanbul",
    ],
)  # fmt: skip
def test_caption_words_are_those_of_the_normalizer(caption: str) -> None:
    (normalised,) = NORMALIZER(tf.constant([caption])).numpy()
    assert caption_words(caption) == normalised.decode().split()
