import pytest

from components.captioning.model.unusual_captions import (
    count_typed_tokens,
    explain_few_words,
    explain_typed_tokens,
)


@pytest.mark.parametrize(
    ("caption", "tokens"),
    [
        ("<start> a dog <end>", ["<end>", "<start>"]),
        ("startseq a dog endseq .", ["endseq", "startseq"]),
        ("&amp;lt;START&amp;gt; a dog", ["<start>"]),
        ("<s>a dog</s>", ["</s>", "<s>"]),
        ("[CLS] a dog [SEP]", ["[cls]", "[sep]"]),
        ("a <unk> dog <pad> <pad>", ["<pad>", "<unk>"]),
        ("the start of a race at its end", []),
        ("a dog < a cat > a mouse", []),
    ],
)
def test_count_typed_tokens(caption: str, tokens: list[str]) -> None:
    assert list(count_typed_tokens([caption, "A dog"])) == tokens


def test_explain_typed_tokens() -> None:
    assert explain_typed_tokens({}) == ""
    message = explain_typed_tokens({"<start>": 1200, "endseq": 3})
    assert "<start> in 1,200, endseq in 3" in message


def test_explain_few_words() -> None:
    assert explain_few_words(4, 2, "a dog") == ""
    assert explain_few_words(0, 0, "") == ""
    message = explain_few_words(3, 2, "dog")
    assert "1.5 words on average" in message
    assert "'dog'" in message
