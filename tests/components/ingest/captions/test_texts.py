from components.ingest.captions.texts import clean_captions


def test_clean_captions_kept_as_written() -> None:
    clean = clean_captions({"a": ["  A dog , running . ", "A dog", "A dog"]})
    assert clean.captions == {"a": ["A dog , running .", "A dog", "A dog"]}
    assert clean.empty == clean.too_long == []


def test_clean_captions_composes_unicode() -> None:
    assert clean_captions({"a": ["cafe\u0301"]}).captions == {"a": ["caf\u00e9"]}


def test_clean_captions_empty() -> None:
    clean = clean_captions({"a": ["", " \t\u00a0 ", "A dog"], "b": [" "], "c": ["nan", " NULL "]})
    assert clean.captions == {"a": ["A dog"]}
    assert clean.empty == ["a", "a", "b", "c", "c"]


def test_clean_captions_without_a_visible_character_are_empty() -> None:
    invisible = ["\u200b" * 9, "\u202e", "\0", "\ufeff\u2060", "\x1b\x07"]
    clean = clean_captions({"a": [*invisible, "\u202eA dog\u202c", "\U0001f415", "\u72ac"]})
    assert clean.captions == {"a": ["\u202eA dog\u202c", "\U0001f415", "\u72ac"]}
    assert clean.empty == ["a"] * 5


def test_clean_captions_too_long() -> None:
    clean = clean_captions({"a": ["x" * 1_000, "y" * 1_001]})
    assert clean.captions == {"a": ["x" * 1_000]}
    assert clean.too_long == ["a"]
