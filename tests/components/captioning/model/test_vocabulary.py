from pathlib import Path

import pytest

from components.captioning.model.vocabulary import END, PAD, SPECIAL_TOKENS, START, UNK, Vocabulary


def test_special_tokens_have_fixed_ids() -> None:
    assert (PAD, START, END, UNK) == (0, 1, 2, 3)
    assert SPECIAL_TOKENS == ("<pad>", "<start>", "<end>", "<unk>")


def test_vocabulary_length_includes_special_tokens() -> None:
    assert len(Vocabulary([*SPECIAL_TOKENS, "a", "dog"])) == 6


def test_vocabulary_decode_stops_at_end_and_skips_special_tokens() -> None:
    vocabulary = Vocabulary([*SPECIAL_TOKENS, "a", "dog"])
    assert vocabulary.decode([START, 4, UNK, 5, PAD, END, 4]) == "a dog"
    assert vocabulary.decode([END, 4]) == ""
    assert vocabulary.decode([4, 5]) == "a dog"


def test_vocabulary_saved_and_loaded_is_the_same(tmp_path: Path) -> None:
    path = tmp_path / "vocabulary.txt"
    words = [*SPECIAL_TOKENS, "dog", "été", "犬"]
    Vocabulary(words).save(path)
    assert path.read_bytes().startswith(b"<pad>\n<start>\n<end>\n<unk>\ndog\n")
    assert Vocabulary.load(path).words == tuple(words)


def test_vocabulary_that_does_not_start_with_special_tokens_is_refused() -> None:
    with pytest.raises(ValueError, match=r"must start with <pad>, .*Received: a, dog"):
        Vocabulary(["a", "dog"])


def test_vocabulary_with_a_duplicate_word_is_refused() -> None:
    with pytest.raises(ValueError, match=r"must be unique\. Duplicate: 'dog'"):
        Vocabulary([*SPECIAL_TOKENS, "dog", "a", "dog"])


def test_vocabulary_encode_is_the_inverse_of_decode_and_marks_unknown_words() -> None:
    vocabulary = Vocabulary([*SPECIAL_TOKENS, "a", "dog"])
    assert vocabulary.encode("a dog a") == [4, 5, 4]
    assert vocabulary.decode(vocabulary.encode("a dog a")) == "a dog a"
    assert vocabulary.encode("a cat") == [4, UNK]
    assert vocabulary.encode("") == []
