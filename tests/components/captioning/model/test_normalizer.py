import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import tensorflow as tf

from components.captioning.model.normalizer import NORMALIZER, NORMALIZER_FILE, Normalizer
from components.errors import DataError


def _normalize(*captions: str) -> list[str]:
    return [text.decode() for text in NORMALIZER(tf.constant(captions)).numpy()]


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
    normalised = NORMALIZER(tf.constant([["A dog"], [" ... \u2764\ufe0f "]]))
    assert normalised.shape == (2, 1)
    assert normalised.numpy().tolist() == [[b"a dog"], [b""]]


def test_normalize_twice_changes_nothing() -> None:
    once = _normalize("It's 5 o'clock: THE END-ish\u2026", "\u0301a \u0301\u0301 b")
    assert _normalize(*once) == once


def test_normalize_broken_utf8_is_no_word() -> None:
    assert NORMALIZER(tf.constant([b"a \xff dog"])).numpy().tolist() == [b"a dog"]


def test_normalize_does_not_follow_the_machines_language() -> None:
    program = (
        "import tensorflow as tf\n"
        "from components.captioning.model.normalizer import NORMALIZER\n"
        "print(NORMALIZER(tf.constant(['IMAGE'])).numpy()[0].decode('ascii'))"
    )
    turkish = {**os.environ, "LC_ALL": "tr_TR.UTF-8", "LANG": "tr_TR.UTF-8"}
    result = subprocess.run(
        [sys.executable, "-c", program], env=turkish, capture_output=True, text=True, check=False
    )
    assert result.stdout == "image\n", result.stderr


def test_normalizer_is_read_as_it_was_written(tmp_path: Path) -> None:
    other = Normalizer((("replace", "[aeiou]", r"\0\0"), ("strip",), ("replace", " ", "-")))
    other.save(tmp_path)
    assert Normalizer.load(tmp_path) == other != NORMALIZER
    assert Normalizer.load(tmp_path)(tf.constant([" A dog "])).numpy().tolist() == [b"A-doog"]


def test_normalizer_of_before_there_was_a_file(tmp_path: Path) -> None:
    """Change `NORMALIZER` as you like, but not this one: bundles were made by it."""
    assert Normalizer.load(tmp_path).steps == (
        ("lower",),
        ("replace", r"([\p{L}\p{M}\p{Nd}])['\x{2019}]", r"\1"),
        ("replace", r"[^\p{L}\p{M}\p{Nd}]+", " "),
        ("replace", r"(^| )\p{M}+", r"\1"),
        ("replace", " +", " "),
        ("strip",),
    )


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("no JSON", "Invalid JSON"),
        ({}, "steps: Field required"),
        ({"steps": [["stem"]]}, "'stem'"),
        ({"steps": [["replace", "a"]]}, "replace"),
        ({"steps": [["replace", "(", ""]]}, r"Invalid pattern: \("),
        ({"steps": [], "stemmed": True}, r"True \(stemmed: "),
    ],
)
def test_normalizer_that_is_none_is_refused_in_one_line(
    content: object, said: str, tmp_path: Path
) -> None:
    text = content if isinstance(content, str) else json.dumps(content)
    (tmp_path / NORMALIZER_FILE).write_text(text)
    with pytest.raises(
        DataError, match=rf"normalizer\.json must hold .* Received: .*{said}"
    ) as told:
        Normalizer.load(tmp_path)
    assert "\n" not in str(told.value)
