import pytest

from components.captioning.metrics.word_classes import (
    COLOURS,
    FUNCTION_WORDS,
    NUMBERS,
    is_content,
    is_number,
    is_plural_of,
)


def test_word_classes_are_disjoint() -> None:
    assert not COLOURS & NUMBERS
    assert not FUNCTION_WORDS & (COLOURS | NUMBERS)


def test_colours_are_the_eleven_basic_ones_with_both_spellings_of_grey() -> None:
    assert len(COLOURS) == 12


@pytest.mark.parametrize(
    ("word", "number"), [("two", True), ("12", True), ("one", False), ("1", False), ("dog", False)]
)
def test_is_number_other_than_one(word: str, number: bool) -> None:
    assert is_number(word) is number


@pytest.mark.parametrize("word", ["dog", "above", "red", "two", "running", "inside"])
def test_is_content_of_words_that_can_be_wrong(word: str) -> None:
    assert is_content(word)


@pytest.mark.parametrize("word", ["a", "is", "in", "and", "it"])
def test_is_content_is_false_for_function_words(word: str) -> None:
    assert not is_content(word)


@pytest.mark.parametrize(
    ("plural", "singular"),
    [("dogs", "dog"), ("boxes", "box"), ("bodies", "body"), ("men", "man"), ("people", "person")],
)
def test_is_plural_of_its_singular_only(plural: str, singular: str) -> None:
    assert is_plural_of(plural, singular)
    assert not is_plural_of(singular, plural)
    assert not is_plural_of(plural, "cat")
