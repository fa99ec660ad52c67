import os
import subprocess
import sys

import pytest
import tensorflow as tf

from components.captioning.tokens import normalize


def _normalize(*captions: str) -> list[str]:
    return [text.decode() for text in normalize(tf.constant(captions)).numpy()]


@pytest.mark.parametrize(
    ("caption", "expected"),
    [
        ("A black Dog runs .", "a black dog runs"),
        ("a man's dog\u2019s ball", "a mans dogs ball"),
        ("rock'n'roll", "rocknroll"),
        ("the dogs' 'big' toy", "the dogs big toy"),
        ("'Tis a T-shirt", "tis a t shirt"),
        ("one,two...three !", "one two three"),
        ("  a \t b\n\n c\u00a0d ", "a b c d"),
        ("3 dogs, no. 42", "3 dogs no 42"),
        ("<unk> <pad>", "unk pad"),
    ],
)
def test_normalize_english_caption(caption: str, expected: str) -> None:
    assert _normalize(caption) == [expected]


@pytest.mark.parametrize(
    ("caption", "expected"),
    [
        ("ÉCOLE d'ÉTÉ", "école dété"),
        ("cafe\u0301 noir", "cafe\u0301 noir"),  # the accent as a mark of its own
        ("ДВЕ собаки", "две собаки"),
        ("犬、 走る。", "犬 走る"),
        ("I \u2764\ufe0f dogs", "i dogs"),  # a heart leaves a mark without a letter behind
    ],
)
def test_normalize_beyond_ascii(caption: str, expected: str) -> None:
    assert _normalize(caption) == [expected]


def test_normalize_keeps_shape_and_empties_what_has_no_word() -> None:
    normalised = normalize(tf.constant([["A dog"], [" ... \u2764\ufe0f "]]))
    assert normalised.shape == (2, 1)
    assert normalised.numpy().tolist() == [[b"a dog"], [b""]]


def test_normalize_twice_changes_nothing() -> None:
    once = _normalize("It's 5 o'clock: THE END-ish\u2026", "\u0301a \u0301\u0301 b")
    assert _normalize(*once) == once


def test_normalize_broken_utf8_is_no_word() -> None:
    assert normalize(tf.constant([b"a \xff dog"])).numpy().tolist() == [b"a dog"]


def test_normalize_does_not_follow_the_machines_language() -> None:
    program = (
        "import tensorflow as tf\n"
        "from components.captioning.tokens import normalize\n"
        "print(normalize(tf.constant(['IMAGE'])).numpy()[0].decode('ascii'))"
    )
    turkish = {**os.environ, "LC_ALL": "tr_TR.UTF-8", "LANG": "tr_TR.UTF-8"}
    result = subprocess.run(
        [sys.executable, "-c", program], env=turkish, capture_output=True, text=True, check=False
    )
    assert result.stdout == "image\n", result.stderr
