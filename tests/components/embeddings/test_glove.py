import io
from collections.abc import Collection

import numpy as np
import pytest

from components.embeddings.glove import glove_vectors
from components.embeddings.source import GloveText
from components.errors import DataError


def _vectors(text: bytes, *wanted: str) -> dict[str, list[float]]:
    words: Collection[str] = wanted or ("dog", "cat")
    return {
        word: vector.tolist()
        for word, vector in glove_vectors(GloveText("glove.txt", io.BytesIO(text)), words)
    }


def test_glove_vectors_only_wanted_words() -> None:
    text = b"the 9 9\ndog 1 -2.5\ncat 3e-1 0\n"
    vectors = dict(glove_vectors(GloveText("g", io.BytesIO(text)), ["cat", "dog", "newt"]))
    assert list(vectors) == ["dog", "cat"]
    assert vectors["dog"].tolist() == [1.0, -2.5]
    assert vectors["cat"].dtype == np.float32


def test_glove_vectors_windows_line_ends_and_no_final_newline() -> None:
    assert _vectors(b"dog 1 2\r\ncat 3 4") == {"dog": [1, 2], "cat": [3, 4]}


def test_glove_vectors_first_vector_of_a_repeated_word_counts() -> None:
    assert _vectors(b"dog 1 2\ndog 3 4\n") == {"dog": [1, 2]}


def test_glove_vectors_words_with_spaces_as_in_840b() -> None:
    text = b"dog 1 2\n. . . 5 6\nat name@domain.com 7 8\ncat 3 4\n"
    assert _vectors(text) == {"dog": [1, 2], "cat": [3, 4]}


def test_glove_vectors_words_that_are_numbers() -> None:
    assert _vectors(b"1.5 1 2\n2007 3 4\nnan 5 6\n", "2007", "nan") == {
        "2007": [3, 4],
        "nan": [5, 6],
    }


def test_glove_vectors_other_whitespace_is_part_of_words() -> None:
    # As in GloVe's Twitter vectors: U+0085 and the no-break space are words of their own.
    text = "\u0085 9 9\n\u00a0 8 8\ndog 1 2\n".encode()
    assert _vectors(text) == {"dog": [1, 2]}


def test_glove_vectors_word2vec_header_is_skipped() -> None:
    assert _vectors(b"2 3\ndog 1 2 3\ncat 4 5 6\n") == {"dog": [1, 2, 3], "cat": [4, 5, 6]}


def test_glove_vectors_header_with_a_wrong_dimension_is_an_error() -> None:
    with pytest.raises(DataError, match=r"glove\.txt, line 2: must be a word and 4 numbers"):
        _vectors(b"2 4\ndog 1 2 3\n")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            b"cat 3",
            "must be a word and 2 numbers, as in the first line. Received 1 numbers: 'cat 3'",
        ),
        (b"cat 3 4 5", "must be a word and 2 numbers, .* Received 3 numbers"),
        (b"newt 3 4 5", "must be a word and 2 numbers, .* Received 3 numbers"),
        (b"cat", "Received 0 numbers: 'cat'"),
        (b"cat 3 four", "must be numbers after the word. Received: 'four'"),
        (b"cat 3 ", "Received 1 numbers"),
        (b"cat  3", "Received 1 numbers"),
        (b"cat 3 nan", "must be finite numbers. Received: 'nan'"),
        (b"cat -inf 3", "must be finite numbers. Received: '-inf'"),
        (b"cat 3 1e39", "must be finite numbers. Received: '1e39'"),  # too big for float32
        (b"c\xe4t 3 4", "must be UTF-8"),
        (b"cat 3 " + b"4" * 70_000, "a line must be shorter than 65536 bytes"),
    ],
)
def test_glove_vectors_invalid_line_is_an_error_with_its_number(line: bytes, message: str) -> None:
    with pytest.raises(DataError, match=rf"glove\.txt, line 3: .*{message}"):
        _vectors(b"the 1 2\ndog 1 2\n" + line + b"\ndog 5 6\n")


@pytest.mark.parametrize("line", [b"dog", b"<html><head> nothing here", b"dog 1,5 2,5"])
def test_glove_vectors_first_line_without_numbers_is_an_error(line: bytes) -> None:
    with pytest.raises(DataError, match="line 1: must be a word and its numbers"):
        _vectors(line + b"\n")


@pytest.mark.parametrize("text", [b"", b"\n \n", b"\xef\xbb\xbf"])
def test_glove_vectors_empty_file_is_an_error(text: bytes) -> None:
    with pytest.raises(DataError, match=r"glove\.txt is empty"):
        _vectors(text)


@pytest.mark.parametrize(
    "text",
    [
        b"\xef\xbb\xbfdog 1 2\ncat 3 4\n",
        b"\xef\xbb\xbf2 2\ndog 1 2\ncat 3 4\n",
        b"\n\ndog 1 2\n\r\n \ncat 3 4\n\n",
        b"2\t2\ndog\t1\t2\ncat\t3\t4\n",
        b"dog  1  2 \ncat  3  4 \n",
        b"2 2\n\ndog 1 2 \ncat 3 4 \n",  # fastText ends lines with a space
    ],
)
def test_glove_vectors_skips_byte_order_marks_and_blank_lines(text: bytes) -> None:
    assert _vectors(text) == {"dog": [1, 2], "cat": [3, 4]}


def test_glove_vectors_in_utf16_are_an_error() -> None:
    with pytest.raises(DataError, match="line 1: must be UTF-8, but is UTF-16"):
        _vectors("dog 1 2\n".encode("utf-16"))


def test_glove_vectors_are_read_as_a_stream() -> None:
    file = io.BytesIO(b"dog 1 2\n" + b"the 3 4\n" * 1000)
    word, _ = next(glove_vectors(GloveText("g", file), ["dog"]))
    assert word == "dog"
    assert file.tell() == len(b"dog 1 2\n")
