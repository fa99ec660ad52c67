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
        ("犬、 走る。", "犬 走 る"),
        ("I \u2764\ufe0f dogs", "i dogs"),  # a heart leaves a mark without a letter behind
    ],
)
def test_normalize_beyond_ascii(caption: str, expected: str) -> None:
    assert _normalize(caption) == [expected]


@pytest.mark.parametrize("apostrophe", "'`\u00b4\u02bc\u2018\u2019\u201b\u2032\uff07")
def test_normalize_all_apostrophes_are_one(apostrophe: str) -> None:
    assert _normalize(f"the dog{apostrophe}s ball") == ["the dogs ball"]


@pytest.mark.parametrize(
    ("caption", "expected"),
    [
        ("A man&#39;s dog &amp; a cat", "a mans dog a cat"),
        ("isn&rsquo;t &quot;red&quot;", "isnt red"),
        ("caf&eacute; &#201;T&#xc9;", "caf\u00e9 \u00e9t\u00e9"),
        ("a dog&amp;#39;s ball", "a dogs ball"),  # escaped twice
        ("at&t slip & slide", "at t slip slide"),
    ],
)
def test_normalize_decodes_html_first(caption: str, expected: str) -> None:
    assert _normalize(caption) == [expected]


@pytest.mark.parametrize(
    ("caption", "expected"),
    [
        ("\u0645\u06cc\u200c\u0631\u0648\u062f", ["\u0645\u06cc\u200c\u0631\u0648\u062f"]),
        ("\u0915\u094d\u200d\u0937", ["\u0915\u094d\u200d\u0937"]),
        ("soft\u00adware", ["software"]),
        ("auf\u200clage", ["auflage"]),  # where letters don't join, a joiner means nothing
        ("do\ufeffg\u2060s", ["dogs"]),
        ("a\u200bb", ["a", "b"]),  # the zero-width space is a space
        ("\u200cdog\u200d ", ["dog"]),
        ("\U0001f468\u200d\U0001f467 walk", ["walk"]),
        ("3\ufe0f\u20e3 dogs", ["3", "dogs"]),
    ],
)
def test_normalize_joiners_and_soft_hyphens_split_no_word(
    caption: str, expected: list[str]
) -> None:
    assert _normalize(caption)[0].split(" ") == expected


@pytest.mark.parametrize(
    ("caption", "expected"),
    [
        ("一只狗在跑。", ["一", "只", "狗", "在", "跑"]),
        ("2只DOG", ["2", "只", "dog"]),
        ("ボードの犬", ["ボ", "ー", "ド", "の", "犬"]),
        (
            "\u0e19\u0e49\u0e33\u0e25\u0e36",
            ["\u0e19\u0e49\u0e33", "\u0e25\u0e36"],
        ),  # with their marks
        (
            "\uac1c\uac00 \ub2ec\ub9b0\ub2e4",
            ["\uac1c\uac00", "\ub2ec\ub9b0\ub2e4"],
        ),  # Korean has spaces
    ],
)
def test_normalize_scripts_without_spaces_are_split_by_character(
    caption: str, expected: list[str]
) -> None:
    assert _normalize(caption)[0].split(" ") == expected


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


@pytest.mark.parametrize(
    ("caption", "shown"),
    [
        ("\u4e00\u53ea\u72d7\u5728\u8dd1\u3002", "\u4e00\u53ea\u72d7\u5728\u8dd1"),
        ("iPhone\u3092\u6301\u3064 \u5973\u6027", "iphone \u3092\u6301\u3064\u5973\u6027"),
        ("\u0e19\u0e49\u0e33 \u0e2b\u0e21\u0e32", "\u0e19\u0e49\u0e33\u0e2b\u0e21\u0e32"),
        ("3\u53ea\u72d7", "3 \u53ea\u72d7"),
        ("A dog, a ball.", "a dog a ball"),
        ("\uac15\uc544\uc9c0\uac00 \ub6f4\ub2e4", "\uac15\uc544\uc9c0\uac00 \ub6f4\ub2e4"),
        ("...", ""),
    ],
)
def test_detokenize_joins_what_was_split(caption: str, shown: str) -> None:
    (words,) = _normalize(caption)
    assert NORMALIZER.detokenize(words) == shown
    assert _normalize(shown) == [words]


def test_normalizer_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=rf"{NORMALIZER_FILE} must hold .* No such file"):
        Normalizer.load(tmp_path)


def test_detokenize_by_a_normalizer_that_splits_nothing() -> None:
    assert Normalizer((("lower",),)).detokenize("\u72d7 \u5728") == "\u72d7 \u5728"


def test_normalizer_json_says_what_is_split(tmp_path: Path) -> None:
    NORMALIZER.save(tmp_path)
    steps = json.loads((tmp_path / NORMALIZER_FILE).read_text())["steps"]
    (pattern,) = [values for name, *values in steps if name == "split_characters"]
    assert "Han" in pattern[0]
    assert Normalizer.load(tmp_path) == NORMALIZER
