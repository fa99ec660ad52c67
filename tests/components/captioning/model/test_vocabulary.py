from pathlib import Path

import pytest

from components.captioning.model.vocabulary import END, PAD, SPECIAL_TOKENS, START, UNK, Vocabulary


def test_vocabulary_marks_have_fixed_ids() -> None:
    assert (PAD, START, END, UNK) == (0, 1, 2, 3)
    assert SPECIAL_TOKENS == ("<pad>", "<start>", "<end>", "<unk>")


def test_vocabulary_length_counts_the_marks() -> None:
    assert len(Vocabulary([*SPECIAL_TOKENS, "a", "dog"])) == 6


def test_vocabulary_decode_stops_at_end_and_leaves_marks_out() -> None:
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


def test_vocabulary_without_marks_first_is_refused() -> None:
    with pytest.raises(ValueError, match=r"must begin with <pad>, .*Received: a, dog"):
        Vocabulary(["a", "dog"])


def test_vocabulary_word_twice_is_refused() -> None:
    with pytest.raises(ValueError, match=r"one id\. Received twice: 'dog'"):
        Vocabulary([*SPECIAL_TOKENS, "dog", "a", "dog"])


def test_encode_is_what_decode_reads_and_tells_unknown_words() -> None:
    vocabulary = Vocabulary([*SPECIAL_TOKENS, "a", "dog"])
    assert vocabulary.encode("a dog a") == [4, 5, 4]
    assert vocabulary.decode(vocabulary.encode("a dog a")) == "a dog a"
    assert vocabulary.encode("a cat") == [4, UNK]
    assert vocabulary.encode("") == []
